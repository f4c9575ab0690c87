"""The record of a check, `rankdet.gpu-check/1`, and the names of its files."""

import re
from pathlib import Path
from typing import Any, ClassVar, Literal

from rankdet.results.schemas.base import Number, Part, Record

Status = Literal["running", "finished", "cut", "failed", "not reached"]
RUNNING, FINISHED, CUT, BROKEN, MISSED = "running", "finished", "cut", "failed", "not reached"


class PartRecord(Part):
    """What one part did.

    Attributes:
        status: `finished` (rows may still be `not reached` or `failed`), `cut` (stopped at the end
            of its time), `failed` (it raised), `not reached`, or `running` in an unfinished check.
        reason: Of a failure, in one line; the traceback is in the log.
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
