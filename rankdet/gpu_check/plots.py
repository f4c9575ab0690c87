"""The plots of a check: times of the losses, times of iterations, AP of the trainings."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rankdet.gpu_check.record import GpuRecord
from rankdet.training.attempts import MEASURED, Row, write_traceback

MARKS = {
    "plain": "o-",
    "fused": "s-",
    "graph": "*-",
    "bucketed": "^--",
    "looped": "x:",
    "focal": "d-",
    "copy": "k.",
}


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
    """Draws time over the number of logits, one panel per loss, at the first stage."""
    stage = rows[0]["stage"]
    names = [n for n in dict.fromkeys(r["loss"] for r in rows) if n not in ("copy", "focal")]
    panels = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    for panel, name in zip(panels, names, strict=True):
        own = [r for r in rows if r["stage"] == stage and r["loss"] in (name, "copy", "focal")]
        for form in dict.fromkeys(row["form"] for row in own):
            ours = [r for r in own if r["form"] == form and (form != "graph" or r["loss"] == name)]
            those = sorted((r["logits"], r["ms"]) for r in ours)
            panel.plot(*zip(*those, strict=True), MARKS[form], label=form)
        panel.set(title=f"{name}, {stage}", xlabel="logits", xscale="log", yscale="log")
        panel.grid(alpha=0.3)
    panel.figure.axes[0].set_ylabel("ms, forward and backward")
    panel.legend()


def iterations(figure: Any, rows: list[Row]) -> None:
    """Draws the time of an iteration, one panel per detector, one bar per loss and precision."""
    detectors = list(dict.fromkeys(row["detector"] for row in rows))
    panels = figure.subplots(2, 2, squeeze=False).flat
    for panel, name in zip(panels, detectors, strict=False):
        own = [row for row in rows if row["detector"] == name]
        words = [f"{row['loss']} {row['form']} {row['precision']}" for row in own]
        colours = ["tab:blue" if row["precision"] == "fp32" else "tab:orange" for row in own]
        panel.barh(words, [row["ms"] for row in own], color=colours)
        panel.invert_yaxis()
        panel.set(title=name, xlabel="ms per iteration")


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
