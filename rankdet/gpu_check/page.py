"""The page of a check in Markdown: one section per part, with its tables and plots."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rankdet.files import write_text
from rankdet.gpu_check.budget import FAILED, MEASURED, NOT_REACHED, SKIPPED, Row
from rankdet.gpu_check.plots import draw
from rankdet.gpu_check.record import GpuRecord, PartRecord

# Part to its columns: key of a row, header. Columns that no row has are left out.
COLUMNS: dict[str, tuple[tuple[str, str], ...]] = {
    "correctness": (
        ("loss", "loss"),
        ("form", "form"),
        ("cases", "cases"),
        ("worst_loss", "worst loss"),
        ("worst_gradient", "worst gradient"),
        ("worst_case", "in the case"),
    ),
    "losses": (
        ("loss", "loss"),
        ("form", "form"),
        ("positives", "P"),
        ("logits", "N"),
        ("stage", "stage"),
        ("ms", "ms"),
        ("peak_mb", "peak MB"),
    ),
    "iterations": (
        ("detector", "detector"),
        ("loss", "loss"),
        ("form", "form"),
        ("precision", "precision"),
        ("ms", "ms"),
        ("ratio", "ratio"),
        ("peak_mb", "peak MB"),
    ),
    "loader": (
        ("workers", "workers"),
        ("image_size", "px"),
        ("batch_size", "batch"),
        ("ms", "ms per batch"),
        ("images_per_second", "images per s"),
    ),
    "modes": (
        ("mode", "mode"),
        ("detector", "detector"),
        ("loss", "loss"),
        ("seconds_per_iteration", "s per iteration"),
        ("ratio", "ratio to fp32"),
        ("AP", "AP"),
    ),
    "trainings": (
        ("detector", "detector"),
        ("loss", "loss"),
        ("seed", "seed"),
        ("outcome", "outcome"),
        ("AP", "AP"),
        ("oLRP", "oLRP"),
        ("train_seconds", "s"),
    ),
}
NOTES = {
    "correctness": "Largest difference to the CPU in float32, as a share of the largest value. "
    "`wrong` in the record names the cases beyond the tolerance.",
    "losses": "Forward and backward, median of the measured calls. `copy` copies the logits: no "
    "loss can be faster. `bucketed` is exact for δ = 0 only. `looped` ran once.",
    "iterations": "Forward, backward and step, data on the card. Ratio: to focal loss (cross "
    "entropy in two stages) at the same precision. Initial weights, so all negatives are relevant.",
    "modes": "Each training is alone on the card; its first five iterations are not counted.",
    "trainings": "Several trainings share the card, so their times are not those of one alone.",
}
STATES = (MEASURED, NOT_REACHED, FAILED, SKIPPED)


def write_page(record: GpuRecord, folder: Path, stem: str, log: Path) -> None:
    """Writes `<stem>.md` and the plots beside it.

    Args:
        record: The record.
        folder: The output folder.
        stem: The files' common name.
        log: The file of tracebacks; a plot that fails is noted there.
    """
    plots = draw(record, folder, stem, log)
    write_text(folder / f"{stem}.md", page(record, plots, stem))


def page(record: GpuRecord, plots: dict[str, str], stem: str) -> str:
    """Returns the page.

    Args:
        record: The record.
        plots: Name of a part to the file of its plot.
        stem: The files' common name.
    """
    hardware = record.hardware
    lines = [f"# GPU check: {hardware.get('gpu') or hardware['cpu']}", ""]
    versions = ", ".join(f"{name} {value}" for name, value in record.versions.items())
    lines += [f"{record.started}, {record.settings['minutes']:g} minutes. {versions}.", ""]
    lines += table(("part", "status", "s", "budget", *STATES), summary(record))
    for part in record.parts:
        lines += ["", f"## {part.title}", ""]
        if part.reason:
            lines += [f"**{part.status}**: {part.reason}", ""]
        if part.name in NOTES:
            lines += [NOTES[part.name], ""]
        if part.name in plots:
            lines += [f"![{part.title}]({plots[part.name]})", ""]
        lines += section(part)
    return "\n".join([*lines, "", f"All numbers: `{stem}.json`.", ""])


def summary(record: GpuRecord) -> list[tuple[str, ...]]:
    """Returns one row per part: name, status, seconds, budget, and the rows of each state."""
    return [
        (
            part.name,
            part.status,
            f"{part.seconds:.1f}",
            f"{part.budget_s:.0f}",
            *(str(sum(row["status"] == state for row in part.rows)) for state in STATES),
        )
        for part in record.parts
    ]


def section(part: PartRecord) -> list[str]:
    """Returns the tables of a part: what was measured, and what was not."""
    measured = [row for row in part.rows if row["status"] == MEASURED]
    others = [row for row in part.rows if row["status"] != MEASURED]
    columns = [(k, head) for k, head in COLUMNS[part.name] if any(k in row for row in measured)]
    lines: list[str] = []
    if measured:
        body = [tuple(shown(row.get(key)) for key, _ in columns) for row in measured]
        lines += table([head for _, head in columns], body)
    for state in (FAILED, SKIPPED, NOT_REACHED):
        those = [row for row in others if row["status"] == state]
        if those:
            lines += ["", f"{state.capitalize()}: {len(those)}", ""]
            lines += [f"- {named(row)}" for row in those]
    return lines or ["Nothing was measured."]


def named(row: Row) -> str:
    """Returns what identifies a row, and its reason."""
    words = [str(v) for k, v in row.items() if k not in ("status", "reason") and _short(v)]
    return ", ".join(words) + (f": {row['reason']}" if row.get("reason") else "")


def _short(value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)


def shown(value: Any) -> str:
    """Returns a value as a cell: numbers with four digits, a dash for None."""
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Returns the lines of a Markdown table."""
    head, *body = ("| " + " | ".join(cells) + " |" for cells in (heads, *rows))
    return [head, "|" + "---|" * len(heads), *body]
