"""Runs the parts of the check one after the other, and keeps what they measure."""

import io
import math
import signal
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TextIO

from rankdet.errors import InputError, in_words
from rankdet.files import writing
from rankdet.gpu_check import record
from rankdet.gpu_check.budget import Budget, Context, OutOfTime, alarm
from rankdet.gpu_check.machine import described, device_name
from rankdet.gpu_check.page import NO_MEANING, write_page
from rankdet.gpu_check.parts import PARTS, PartOfCheck
from rankdet.gpu_check.quiet import quiet
from rankdet.gpu_check.stop import Stop
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
        stop: The signals that end it.

    Attributes:
        terminal: The stream for lines of progress.
    """

    def __init__(self, settings: Settings, device: str, stop: Stop) -> None:
        self.settings, self.device, self.stop = settings, device, stop
        self.terminal: TextIO = sys.stdout
        self.end = time.monotonic() + 60 * settings.minutes
        self._start = time.monotonic()
        self._told = False
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

    def record(self) -> record.GpuRecord:
        """Returns the record as it is now."""
        return record.GpuRecord.of(**self.content)

    def flush(self) -> None:
        """Writes the record as it is now. If that fails, the rows stay here, and it says so once.

        The end of the check writes it again.
        """
        try:
            self.record().to_disk(self.path)
        except OSError as error:
            if not self._told:
                self._told = True
                self.say(f"  note: {self.path}: cannot be written now ({in_words(error)})")

    def run(self, part: PartOfCheck, seconds: float, work: Path) -> None:
        """Runs one part; whatever happens in it, its rows are kept.

        Args:
            part: The part.
            seconds: Its budget.
            work: A folder for its files.
        """
        self._start = time.monotonic()
        entry = record.entry(part.name, part.title, record.RUNNING, round(seconds, 1))
        self.content["parts"].append(entry)
        context = Context(self.device, self.settings.size, Budget(seconds), self.log, work)
        ended = self._rows(part, context, entry, seconds)
        self.stop.check()  # a library may have lost it
        entry["status"], entry["reason"] = ended
        entry["seconds"] = round(time.monotonic() - self._start, 2)
        self.flush()

    def _rows(
        self, part: PartOfCheck, context: Context, entry: dict[str, Any], seconds: float
    ) -> tuple[str, str | None]:
        if seconds <= 0:
            return record.MISSED, "no time was left"
        flushed = time.monotonic()
        try:
            with self.stop.importing():
                function = part.load()
            with alarm(seconds + GRACE), closing(function(context)) as rows:
                for found in rows:
                    row = finite(found)
                    entry["rows"].append(row)
                    self.stop.check()
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
        return record.outcome(entry["rows"])

    def settle(self, reason: str) -> None:
        """Gives an end to the part that runs and to those that wait, when the check ends early.

        Args:
            reason: Why it ends.
        """
        parts = self.content["parts"]
        for entry in parts:
            if entry["status"] == record.RUNNING:
                entry["status"], entry["reason"] = record.CUT, reason
                entry["seconds"] = round(time.monotonic() - self._start, 2)
        for name in self.settings.parts[len(parts) :]:
            parts.append(record.entry(name, PARTS[name].title, record.MISSED, 0.0, reason))


def run_check(settings: Settings, stop: Stop | None = None) -> tuple[record.GpuRecord, Path]:
    """Runs a check and writes its record, page, plots and log.

    Lines of progress go to standard output, and the output of libraries to the log. A signal ends
    the measurements: the part that runs is `cut`, and page and plots are written. Another one
    leaves plots out.

    Args:
        settings: What to check.
        stop: The signals; it keeps whether one came.

    Returns:
        The record and its file.

    Raises:
        InputError: If `device` is `cuda` and torch finds no GPU, or the folder cannot be written.
            A record that cannot be written at the end is kept elsewhere; the message says where.
    """
    stop = stop or Stop()
    device = chosen_device(settings.device)
    check = Check(settings, device, stop)
    stop.hold()
    with writing(check.path):
        check.record().to_disk(check.path)
    reason = "the check ended with an error"
    try:
        _measure(check)
        reason = stop.reason
    finally:
        check.settle(reason)
        check.content["finished"] = provenance.now()
        found = check.record()
        record.save(found, check.path)
    stop.forget()
    try:
        write_page(found, settings.out, check.stem, check.log, stop)
    except KeyboardInterrupt:
        stop.note(stop.number or signal.SIGINT)
    return found, check.path


def _measure(check: Check) -> None:
    """Runs the parts until the last one has ended or a signal comes."""
    settings, stop = check.settings, check.stop
    temporary = TemporaryDirectory(prefix="rankdet-gpu-", ignore_cleanup_errors=True)
    try:
        with temporary as work, quiet(check.log) as terminal, stop.raising():
            check.terminal = terminal
            size = "" if settings.size == "full" else f" {NO_MEANING};"
            name = device_name(check.device)
            check.say(f"{name}, {settings.minutes:g} min;{size} record: {check.path}")
            _run_parts(check, Path(work))
    except KeyboardInterrupt:
        stop.note(stop.number or signal.SIGINT)
    finally:
        check.terminal = sys.stdout


def _run_parts(check: Check, work: Path) -> None:
    waiting = [PARTS[name] for name in check.settings.parts]
    if any(part.needs_mmdet for part in waiting):
        with check.stop.importing():
            prepare_mmdet(check)
    while waiting:
        part = waiting.pop(0)
        left = check.end - LAST - time.monotonic()
        share = part.share / (part.share + sum(other.share for other in waiting))
        seconds = max(0.0, left * share)
        check.stop.check()
        check.say(f"{part.title}: up to {seconds:.0f} s")
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
