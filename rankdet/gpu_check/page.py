"""The page of a check in Markdown: one section per part, with its tables and plots."""

from collections.abc import Sequence
from pathlib import Path

from rankdet.errors import InputError, in_words
from rankdet.files import write_text
from rankdet.gpu_check.plots import draw
from rankdet.gpu_check.record import GpuRecord, PartRecord
from rankdet.gpu_check.stop import Stop
from rankdet.gpu_check.tables import tables
from rankdet.training.attempts import FAILED, MEASURED, NOT_REACHED, SKIPPED, Row

NO_MEANING = "size tiny: only a test of the check, its numbers have no meaning"
NOTES = {
    "correctness": "Largest difference to the CPU in float32, as a share of the largest value.",
    "losses": "Forward and backward, median of the measured calls. `copy` copies the logits: no "
    "loss can be faster. `graph` is `fused` without the host's time. `bucketed` is exact for δ = 0 "
    "only. `looped` ran once.",
    "iterations": "Forward, backward and step, data on the device. Ratio: to focal loss (cross "
    "entropy in two stages) at the same precision, measured in turns with it. A machine is faster "
    "at one time than at another: compare losses by the ratio, and `ms` only with the `baseline "
    "ms` of the same row. Initial weights, so all negatives are relevant.",
    "modes": "Each training is alone on the device.",
    "trainings": "Several trainings share the device, so their times are not those of one alone.",
}
UNCOUNTED = 5  # first iterations that `seconds_per_iteration` leaves out, if there are more
STATES = (MEASURED, NOT_REACHED, FAILED, SKIPPED)
LISTED = 12  # rows without a measurement that the page names


def write_page(
    record: GpuRecord, folder: Path, stem: str, log: Path, stop: Stop | None = None
) -> None:
    """Writes `<stem>.md` and the plots beside it: first the page, because plots can be stopped.

    Args:
        record: The record.
        folder: The output folder.
        stem: The files' common name.
        log: The file of tracebacks; a plot that fails is noted there.
        stop: The signals; one of them ends the plots.

    Raises:
        InputError: If the page cannot be written, or the rows are not those of a check.
        KeyboardInterrupt: If a signal ended the plots; the page has those that were drawn before.
    """
    stop = stop or Stop()
    plots: dict[str, str] = {}
    try:
        text = page(record, plots, stem)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"{stem}.json: is no whole record of a check: {in_words(error)}; give one that "
            "`rankdet bench gpu` wrote"
        ) from error
    write_text(folder / f"{stem}.md", text)
    try:
        with stop.raising():
            for name, file in draw(record, folder, stem, log):
                plots[name] = file
    finally:
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
    device = hardware.get("gpu") or hardware["cpu"]
    size = f" ({NO_MEANING})" if is_tiny(record) else ""
    lines = [f"# GPU check: {device}{size}", ""]
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


def is_tiny(record: GpuRecord) -> bool:
    """Returns whether a record has the size `tiny`."""
    return record.settings.get("size") == "tiny"


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
        lines += [note, ""] if (note := _note(part.name, measured)) else []
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


def _note(name: str, rows: Sequence[Row]) -> str:
    note = NOTES.get(name, "")
    if name == "modes" and all(row.get("iterations", 0) > UNCOUNTED for row in rows):
        note += f" Its first {UNCOUNTED} iterations are not counted."
    return note


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
