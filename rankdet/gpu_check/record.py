"""The record of a check, `rankdet.gpu-check/1`, and the names of its files."""

import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, ClassVar, Literal

from rankdet.errors import InputError, in_words
from rankdet.results.schemas.base import Number, Part, Record
from rankdet.training.attempts import FAILED, MEASURED, NOT_REACHED, Row

Status = Literal["running", "finished", "cut", "failed", "not reached"]
RUNNING, FINISHED, CUT, BROKEN, MISSED = "running", "finished", "cut", "failed", "not reached"


class PartRecord(Part):
    """What one part did.

    Attributes:
        status: `finished` (rows may still be `not reached` or `failed`), `cut` (stopped at the end
            of its time or by a signal), `failed` (it raised), `not reached` (nothing of it was), or
            `running` in an unfinished check.
        reason: Why it is not `finished`, in one line; the traceback of a failure is in the log.
        budget_s: The seconds that it was given.
        seconds: The seconds that it took.
        rows: What was measured. Each row has a `status`.
    """

    name: str
    title: str
    status: Status
    reason: str | None = None
    budget_s: Number
    seconds: Number
    rows: list[dict[str, Any]]


class GpuRecord(Record):
    """The file `gpu-<name>-<date>.json`."""

    SCHEMA: ClassVar[str] = "rankdet.gpu-check/1"

    settings: dict[str, Any]
    hardware: dict[str, Any]
    versions: dict[str, Any]
    commit: str | None = None
    started: str
    finished: str | None = None
    parts: list[PartRecord]


def entry(
    name: str, title: str, status: str, budget: float, reason: str | None = None
) -> dict[str, Any]:
    """Returns the content of a `PartRecord` without rows.

    Args:
        name: The part's name.
        title: For readers.
        status: One of `Status`.
        budget: Seconds.
        reason: Why it is not `finished`.
    """
    return {
        "name": name,
        "title": title,
        "status": status,
        "reason": reason,
        "budget_s": budget,
        "seconds": 0.0,
        "rows": [],
    }


def outcome(rows: Sequence[Row]) -> tuple[str, str | None]:
    """Returns the status and reason of a part that has ended by itself.

    Args:
        rows: Its rows.
    """
    states = {row["status"] for row in rows}
    if NOT_REACHED in states and states.isdisjoint({MEASURED, FAILED}):
        return MISSED, "no step fitted into its time"
    return FINISHED, None


def save(record: GpuRecord, path: Path) -> None:
    """Writes a record; one that cannot be written is kept elsewhere, because it took long to make.

    Args:
        record: The record.
        path: Its file.

    Raises:
        InputError: If it cannot be written there. The message says where it is instead: in a
            temporary folder, or on standard output.
    """
    try:
        record.to_disk(path)
    except OSError as error:
        problem = in_words(error)
    else:
        return
    try:
        other = _written_elsewhere(record, path.name)
    except OSError:
        print(json.dumps(record.to_dict()))
        kept = "the line above is the record: save it as a file .json"
    else:
        kept = f"the record is {other}"
    raise InputError(
        f"{path}: cannot be written ({problem}); {kept}, free some space, and make its page with "
        "`rankdet bench gpu --page FILE.json`"
    )


def _written_elsewhere(record: GpuRecord, name: str) -> Path:
    folder = Path(mkdtemp(prefix="rankdet-record-"))
    try:
        record.to_disk(folder / name)
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder / name


def stem(folder: Path, device: str, date: str) -> str:
    """Returns `gpu-<name>-<date>`, with a number if the folder already has such a record.

    Args:
        folder: The folder of the record.
        device: The name of the card or processor.
        date: ISO 8601; only the day is used.
    """
    slug = re.sub(r"[^a-z0-9]+", "-", device.lower()).strip("-")
    name = f"gpu-{slug}-{date[:10]}"
    number, found = 1, name
    while (folder / f"{found}.json").exists():
        number += 1
        found = f"{name}-{number}"
    return found
