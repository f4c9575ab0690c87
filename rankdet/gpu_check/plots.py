"""The plots of a check: times of the losses, times of iterations, AP of the trainings."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rankdet.gpu_check.record import GpuRecord
from rankdet.training.attempts import MEASURED, Row, write_traceback

# Form of a loss: its name in the legend, and the style of its line. Every panel has the same ones.
STYLES = {
    "looped": ("loop over positives", {"color": "tab:red", "marker": "x", "linestyle": ":"}),
    "bucketed": ("bucketed", {"color": "tab:green", "marker": "^", "linestyle": "--"}),
    "plain": ("ours, plain PyTorch", {"color": "tab:orange", "marker": "o"}),
    "fused": ("ours, fused", {"color": "tab:purple", "marker": "s"}),
    "graph": ("ours, fused, as a CUDA graph", {"color": "tab:blue", "marker": "*"}),
    "focal": ("focal loss", {"color": "tab:gray", "marker": "d"}),
    "copy": ("copy of the logits", {"color": "black", "marker": ".", "linestyle": "none"}),
}
TITLES = {"ap": "AP Loss", "alrp": "aLRP Loss", "rank_sort": "Rank & Sort Loss", "ape": "APE Loss"}
PRECISIONS = {"fp32": "tab:blue", "bf16": "tab:orange"}


def draw(record: GpuRecord, folder: Path, stem: str, log: Path) -> dict[str, str]:
    """Writes a plot for each part that measured something.

    A plot that fails is left out; its traceback goes to the log.

    Args:
        record: The record.
        folder: The output folder.
        stem: The files' common name.
        log: The file of tracebacks.

    Returns:
        Name of a part to the name of its file.
    """
    found = {}
    for part in record.parts:
        rows = [row for row in part.rows if row["status"] == MEASURED]
        if part.name not in PLOTS or not rows:
            continue
        name = f"{stem}-{part.name}.png"
        try:
            _save(PLOTS[part.name], rows, folder / name)
        except Exception:
            write_traceback(log, f"plot of {part.name}")
            continue
        found[part.name] = name
    return found


def _save(plot: Callable[[Any, list[Row]], None], rows: list[Row], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 7), layout="constrained")
    plot(figure, rows)
    figure.savefig(path, dpi=110)


def losses(figure: Any, rows: list[Row]) -> None:
    """Draws time at each size, one panel per loss, at the first stage."""
    stage = rows[0]["stage"]
    names = [n for n in dict.fromkeys(r["loss"] for r in rows) if n not in ("copy", "focal")]
    sizes = sorted({_size(row) for row in rows})
    panels = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    lines: dict[str, Any] = {}
    for panel, name in zip(panels, names, strict=True):
        own = [r for r in rows if r["stage"] == stage and r["loss"] in (name, "copy", "focal")]
        for form, (label, style) in STYLES.items():
            ours = [r for r in own if r["form"] == form and (form != "graph" or r["loss"] == name)]
            if ours:
                those = sorted((sizes.index(_size(row)), row["ms"]) for row in ours)
                lines[label] = panel.plot(*zip(*those, strict=True), **style)[0]
        panel.set(title=TITLES.get(name, name), yscale="log", xlabel="logits, positives")
        panel.set_xticks(range(len(sizes)), [f"{n:,}, {p:,}" for n, p in sizes], rotation=90)
        panel.grid(alpha=0.3)
    panels[0].set_ylabel(f"ms, forward and backward, {stage} in training")
    figure.legend(lines.values(), lines.keys(), loc="outside lower center", ncols=4)


def _size(row: Row) -> tuple[int, int]:
    return row["logits"], row["positives"]


def iterations(figure: Any, rows: list[Row]) -> None:
    """Draws the time of an iteration, one panel per detector, one bar per loss and precision.

    The number at a bar is the ratio to the first loss of the panel, measured in turns.
    """
    from matplotlib.patches import Patch

    detectors = list(dict.fromkeys(row["detector"] for row in rows))
    panels = figure.subplots(2, 2, squeeze=False).flat
    for panel, name in zip(panels, detectors, strict=False):
        own = [row for row in rows if row["detector"] == name]
        words = [f"{row['loss']}, {row['form']}, {row['precision']}" for row in own]
        bars = panel.barh(
            words,
            [row["ms"] for row in own],
            color=[PRECISIONS[row["precision"]] for row in own],
        )
        panel.bar_label(bars, [_ratio(row) for row in own], padding=3)
        panel.margins(x=0.12)
        panel.invert_yaxis()
        panel.set(title=name, xlabel=f"ms per iteration; ratio to {own[0]['loss']}")
    for panel in list(panels)[len(detectors) :]:
        panel.remove()
    patches = [Patch(color=colour, label=name) for name, colour in PRECISIONS.items()]
    figure.legend(handles=patches, loc="outside lower center", ncols=2)


def _ratio(row: Row) -> str:
    return f"{row['ratio']:.2f}" if row.get("ratio") is not None else ""


def trainings(figure: Any, rows: list[Row]) -> None:
    """Draws the AP of each seed, one panel per detector."""
    detectors = list(dict.fromkeys(row["detector"] for row in rows))
    panels = figure.subplots(1, len(detectors), sharey=True, squeeze=False)[0]
    for panel, name in zip(panels, detectors, strict=True):
        own = [row for row in rows if row["detector"] == name and row["AP"] is not None]
        panel.plot([row["loss"] for row in own], [row["AP"] for row in own], "o", alpha=0.5)
        panel.set(title=name, ylabel="AP")
        panel.grid(axis="y", alpha=0.3)


PLOTS: dict[str, Callable[[Any, list[Row]], None]] = {
    "losses": losses,
    "iterations": iterations,
    "trainings": trainings,
}
