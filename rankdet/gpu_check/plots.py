"""The plots of a check: times of the losses, times of iterations, AP of the trainings."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rankdet.files import atomic
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
TINY = "size tiny: these numbers have no meaning"
# How a training ended: its name in the legend, and the style of its point.
OUTCOMES: dict[str, tuple[str, dict[str, Any]]] = {
    "trained": ("trained", {"color": "tab:blue", "marker": "o", "alpha": 0.5}),
    "collapsed": ("barely learned", {"color": "tab:red", "marker": "x"}),
    "diverged": ("diverged (without AP: at 0)", {"color": "black", "marker": "v"}),
}
PRECISIONS = {"fp32": "tab:blue", "bf16": "tab:orange"}


def draw(record: GpuRecord, folder: Path, stem: str, log: Path) -> Iterator[tuple[str, str]]:
    """Writes a plot for each part that measured something.

    A plot that fails is left out; its traceback goes to the log.

    Args:
        record: The record.
        folder: The output folder.
        stem: The files' common name.
        log: The file of tracebacks.

    Yields:
        Name of a part and the name of its file, when the file is there.
    """
    tiny = record.settings.get("size") == "tiny"
    for part in record.parts:
        rows = [row for row in part.rows if row["status"] == MEASURED]
        if part.name not in PLOTS or not rows:
            continue
        name = f"{stem}-{part.name}.png"
        try:
            _save(PLOTS[part.name], rows, folder / name, TINY if tiny else "")
        except Exception:
            write_traceback(log, f"plot of {part.name}")
            continue
        yield part.name, name


def _save(plot: Callable[[Any, list[Row]], None], rows: list[Row], path: Path, title: str) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 7), layout="constrained")
    if title:
        figure.suptitle(title)
    plot(figure, rows)
    with atomic(path) as temporary:
        figure.savefig(temporary, dpi=110, format="png")


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
    """Draws the ratio of each iteration to the baseline's, one panel per detector.

    The ratio is measured in turns. Times of different rows are not, and a machine is faster at one
    time than at another, so they are text: `ms`, and the baseline's `ms` in the same turns.
    """
    from matplotlib.patches import Patch

    detectors = list(dict.fromkeys(row["detector"] for row in rows))
    panels = list(figure.subplots(-(-len(detectors) // 2), 2, squeeze=False).flat)
    for panel, name in zip(panels, detectors, strict=False):
        own = [row for row in rows if row["detector"] == name]
        words = [f"{row['loss']}, {row['form']}, {row['precision']}" for row in own]
        bars = panel.barh(
            words,
            [row.get("ratio") or 0.0 for row in own],
            color=[PRECISIONS[row["precision"]] for row in own],
        )
        panel.axvline(1, color="black", linewidth=0.8)
        panel.bar_label(
            bars,
            [_times(row) for row in own],
            padding=4,
            fontsize="small",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
        )
        panel.margins(x=0.75)
        panel.invert_yaxis()
        panel.set(title=name, xlabel=f"time as a multiple of {_baseline(own)}'s")
    for panel in panels[len(detectors) :]:
        panel.remove()
    patches = [Patch(color=colour, label=name) for name, colour in PRECISIONS.items()]
    figure.legend(
        handles=patches,
        title="Bars: ratio to the baseline at the same precision, measured in turns. In brackets: "
        "ms per iteration (against the baseline in the same turns).\n"
        "Compare ms within a row only: the speed of a machine changes between rows.",
        loc="outside lower center",
        ncols=2,
    )


def _baseline(rows: list[Row]) -> str:
    """Returns the loss whose rows have no other loss beside them; `the baseline` without one."""
    return next((row["loss"] for row in rows if row.get("ratio") == 1.0), "the baseline")


def _times(row: Row) -> str:
    """Returns the text at a bar; records before November 2026 have no `baseline_ms`."""
    ratio = f"{row['ratio']:.2f}" if row.get("ratio") is not None else "no ratio"
    other = row.get("baseline_ms")
    return f"{ratio} ({row['ms']:.0f}{f' against {other:.0f}' if other else ''} ms)"


def trainings(figure: Any, rows: list[Row]) -> None:
    """Draws the AP of each seed, one panel per detector; its mark says how the training ended."""
    detectors = list(dict.fromkeys(row["detector"] for row in rows))
    panels = figure.subplots(1, len(detectors), sharey=True, squeeze=False)[0]
    points: dict[str, Any] = {}
    for panel, name in zip(panels, detectors, strict=True):
        own = [row for row in rows if row["detector"] == name]
        losses = list(dict.fromkeys(row["loss"] for row in own))
        for outcome, (label, style) in OUTCOMES.items():
            those = [row for row in own if row["outcome"] == outcome and _has_point(row)]
            if those:
                places = [losses.index(row["loss"]) for row in those]
                heights = [row["AP"] or 0.0 for row in those]
                points[label] = panel.plot(places, heights, linestyle="none", **style)[0]
        panel.set_xticks(range(len(losses)), losses)
        panel.set(title=name, ylabel="AP", xlim=(-0.5, len(losses) - 0.5))
        panel.grid(axis="y", alpha=0.3)
    figure.legend(points.values(), points.keys(), loc="outside lower center", ncols=3)


def _has_point(row: Row) -> bool:
    return row["AP"] is not None or row["outcome"] == "diverged"


PLOTS: dict[str, Callable[[Any, list[Row]], None]] = {
    "losses": losses,
    "iterations": iterations,
    "trainings": trainings,
}
