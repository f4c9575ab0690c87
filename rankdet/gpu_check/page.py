"""The page of a check in Markdown: one section per part, with its tables and plots."""

from collections.abc import Sequence
from pathlib import Path

from rankdet.files import write_text
from rankdet.gpu_check.plots import draw
from rankdet.gpu_check.record import GpuRecord, PartRecord
from rankdet.gpu_check.tables import tables
from rankdet.training.attempts import FAILED, MEASURED, NOT_REACHED, SKIPPED, Row

NOTES = {
    "correctness": "Largest difference to the CPU in float32, as a share of the largest value.",
    "losses": "Forward and backward, median of the measured calls. `copy` copies the logits: no "
    "loss can be faster. `graph` is `fused` without the host's time. `bucketed` is exact for δ = 0 "
    "only. `looped` ran once.",
    "iterations": "Forward, backward and step, data on the device. Ratio: to focal loss (cross "
    "entropy in two stages) at the same precision. Initial weights, so all negatives are relevant.",
    "modes": "Each training is alone on the device; its first five iterations are not counted.",
    "trainings": "Several trainings share the device, so their times are not those of one alone.",
}
STATES = (MEASURED, NOT_REACHED, FAILED, SKIPPED)
LISTED = 12  # rows without a measurement that the page names


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
    versions = ", ".join(f"{name} {value}" for name, value in record.versions.items())
    lines = [f"# GPU check: {hardware.get('gpu') or hardware['cpu']}", ""]
    lines += [f"{record.started}, {record.settings['minutes']:g} minutes. {versions}.", ""]
    lines += markdown(("part", "status", "s", "budget", *STATES), summary(record))
    for part in record.parts:
        lines += ["", f"## {part.title}", ""]
        if part.reason:
            lines += [f"**{part.status}**: {part.reason}", ""]
        if part.name in plots:
            lines += [f"![{part.title}]({plots[part.name]})", ""]
        lines += section(part)
    return "\n".join([*lines, "", f"All numbers: `{stem}.json`. Errors: `{stem}.log`.", ""])


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
    """Returns the lines of a part: what was measured, and what was not."""
    measured = [row for row in part.rows if row["status"] == MEASURED]
    lines: list[str] = []
    if measured:
        lines += [NOTES[part.name], ""] if part.name in NOTES else []
        for heads, body in tables(part.name, measured):
            lines += [*markdown(heads, body), ""]
    for state in (FAILED, SKIPPED, NOT_REACHED):
        those = [row for row in part.rows if row["status"] == state]
        if those:
            lines += [f"{state.capitalize()} ({len(those)}):", ""]
            lines += [f"- {named(row)}" for row in those[:LISTED]]
            lines += [f"- and {len(those) - LISTED} more"] if len(those) > LISTED else []
            lines.append("")
    return lines or ["Nothing was measured.", ""]


def named(row: Row) -> str:
    """Returns what identifies a row that was not measured, and its reason."""
    words = [str(v) for k, v in row.items() if k not in ("status", "reason") and _names(v)]
    return ", ".join(words) + (f": {row['reason']}" if row.get("reason") else "")


def _names(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and value != ""


def markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Returns the lines of a table."""
    head, *body = ("| " + " | ".join(cells) + " |" for cells in (heads, *rows))
    return [head, "|" + "---|" * len(heads), *body]
