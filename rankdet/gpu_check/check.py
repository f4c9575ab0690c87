"""Runs the parts of the check one after the other, and keeps what they measure."""

import io
import math
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from rankdet.errors import InputError
from rankdet.files import writing
from rankdet.gpu_check import record
from rankdet.gpu_check.budget import Budget, Context, OutOfTime, alarm
from rankdet.gpu_check.machine import described, device_name
from rankdet.gpu_check.page import write_page
from rankdet.gpu_check.parts import PARTS, PartOfCheck
from rankdet.gpu_check.quiet import quiet
from rankdet.gpu_check.tables import shown
from rankdet.training import provenance
from rankdet.training.attempts import NOT_REACHED, Row, one_line, write_traceback

GRACE = 3.0  # seconds after its budget in which a part may end by itself
LAST = 8.0  # seconds kept for the page and the plots
FLUSH = 5.0  # seconds between writings of a running part's rows
TINY_THREADS = 1


@dataclass(frozen=True)
class Settings:
    """What to check.

    Attributes:
        out: The folder for the record, the page, the plots and the log.
        minutes: The time of the whole check.
        parts: Names of parts.
        device: `cpu` or `cuda`.
        size: `tiny` or `full`.
    """

    out: Path
    minutes: float
    parts: tuple[str, ...]
    device: str
    size: str


class Check:
    """A running check: the record so far and the file that it is written to.

    Args:
        settings: What to check.
        device: `cpu` or `cuda:<index>`.

    Attributes:
        terminal: The stream for lines of progress.
    """

    def __init__(self, settings: Settings, device: str) -> None:
        self.settings, self.device = settings, device
        self.terminal: TextIO = sys.stdout
        self.end = time.monotonic() + 60 * settings.minutes
        started = provenance.now()
        self.stem = record.stem(settings.out, device_name(device), started)
        self.log = settings.out / f"{self.stem}.log"
        self.content: dict[str, Any] = {
            "settings": {
                "minutes": settings.minutes,
                "parts": list(settings.parts),
                "device": device,
                "size": settings.size,
            },
            **described(device),
            "started": started,
            "finished": None,
            "parts": [],
        }

    @property
    def path(self) -> Path:
        """The file of the record."""
        return self.settings.out / f"{self.stem}.json"

    def say(self, line: str) -> None:
        """Prints a line of progress; the check goes on without a terminal that is gone."""
        try:
            print(line, file=self.terminal, flush=True)
        except OSError:
            self.terminal = io.StringIO()

    def flush(self) -> record.GpuRecord:
        """Writes the record as it is now."""
        found = record.GpuRecord.of(**self.content)
        found.to_disk(self.path)
        return found

    def run(self, part: PartOfCheck, seconds: float, work: Path) -> None:
        """Runs one part; whatever happens in it, its rows are kept.

        Args:
            part: The part.
            seconds: Its budget.
            work: A folder for its files.
        """
        start = time.monotonic()
        entry: dict[str, Any] = {
            "name": part.name,
            "title": part.title,
            "status": record.RUNNING,
            "reason": None,
            "budget_s": round(seconds, 1),
            "seconds": 0.0,
            "rows": [],
        }
        self.content["parts"].append(entry)
        context = Context(self.device, self.settings.size, Budget(seconds), self.log, work)
        entry["status"], entry["reason"] = self._rows(part, context, entry, seconds)
        entry["seconds"] = round(time.monotonic() - start, 2)
        self.flush()

    def _rows(
        self, part: PartOfCheck, context: Context, entry: dict[str, Any], seconds: float
    ) -> tuple[str, str | None]:
        if seconds <= 0:
            return record.MISSED, "no time was left"
        flushed = time.monotonic()
        try:
            with alarm(seconds + GRACE):
                for found in part.load()(context):
                    row = finite(found)
                    entry["rows"].append(row)
                    if row["status"] != NOT_REACHED:
                        self.say(f"  {_line(row)}")
                    if time.monotonic() - flushed > FLUSH:
                        flushed = time.monotonic()
                        self.flush()
        except OutOfTime:
            return record.CUT, f"stopped after {seconds:.0f} s"
        except Exception as error:
            write_traceback(self.log, part.name)
            return record.BROKEN, one_line(error)
        return record.FINISHED, None


def run_check(settings: Settings) -> tuple[record.GpuRecord, Path]:
    """Runs a check and writes its record, page, plots and log.

    Lines of progress go to standard output, and the output of libraries to the log.

    Args:
        settings: What to check.

    Returns:
        The record and its file.

    Raises:
        InputError: If `device` is `cuda` and torch finds no GPU, or the folder cannot be written.
    """
    device = chosen_device(settings.device)
    check = Check(settings, device)
    with writing(settings.out):
        check.flush()
    work = Path(tempfile.mkdtemp(prefix="rankdet-gpu-"))
    try:
        with quiet(check.log) as terminal:
            check.terminal = terminal
            check.say(f"{device_name(device)}, {settings.minutes:g} min; record: {check.path}")
            _run_parts(check, [PARTS[name] for name in settings.parts], work)
    finally:
        check.content["finished"] = provenance.now()
        found = check.flush()
        shutil.rmtree(work, ignore_errors=True)
    write_page(found, settings.out, check.stem, check.log)
    return found, check.path


def _run_parts(check: Check, parts: Sequence[PartOfCheck], work: Path) -> None:
    waiting = list(parts)
    if any(part.needs_mmdet for part in parts):
        prepare_mmdet(check)
    while waiting:
        part = waiting.pop(0)
        left = check.end - LAST - time.monotonic()
        share = part.share / (part.share + sum(other.share for other in waiting))
        seconds = left * share
        check.say(f"{part.title}: up to {max(seconds, 0):.0f} s")
        check.run(part, seconds, work)
        entry = check.content["parts"][-1]
        if entry["status"] != record.FINISHED:
            check.say(f"  {entry['status']}: {entry['reason']}")


def prepare_mmdet(check: Check) -> None:
    """Sets up mmdet for the parts that need it. If that fails, they fail with their own reason."""
    from rankdet.training.environment import set_up

    threads = TINY_THREADS if check.settings.size == "tiny" else 4
    try:
        set_up({"device": check.device.partition(":")[0], "threads": threads})
    except Exception as error:
        write_traceback(check.log, "set-up of mmdet")
        check.say(f"mmdet cannot be used: {one_line(error)}")


def chosen_device(name: str) -> str:
    """Returns `cpu` or `cuda:0`.

    Raises:
        InputError: If it is `cuda` and torch finds no GPU.
    """
    if name == "cpu":
        return "cpu"
    import torch

    if not torch.cuda.is_available():
        raise InputError(
            "--device cuda: torch finds no GPU here; check `nvidia-smi`, or try "
            "`--device cpu --size tiny`"
        )
    return "cuda:0"


def finite(row: Row) -> Row:
    """Returns a row with None for NaN and infinite numbers, which JSON does not have."""
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in row.items()
    }


def _line(row: Row) -> str:
    """Returns a row in one line, numbers with their names."""
    return "  ".join(
        value if isinstance(value, str) else f"{key} {shown(value)}"
        for key, value in row.items()
        if value is not None and not isinstance(value, list | bool) and key != "best_ms"
    )
