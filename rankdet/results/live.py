"""A training that has not ended: how far it is, how fast, and its loss so far, from `work/`.

Nothing is written and no lock is taken, so that looking does not disturb the training.
"""

import json
import math
import socket
import time
from array import array
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from rankdet.files import read_record
from rankdet.lifetime import runs
from rankdet.results.layout import LOCK, PROGRESS, WORK

RECENT = 50  # iterations whose median time is the pace
POINTS = 120  # most points of a curve
SILENT = 900.0  # seconds without a row after which a training on another machine counts as ended


@dataclass(frozen=True)
class Look:
    """What a training has written so far.

    Attributes:
        iteration: the last iteration; 0 before the first.
        pace: seconds per iteration, the median of the last ones; None before the first.
        curve: iteration and mean loss, at most `POINTS` of them; values are finite.
    """

    iteration: int = 0
    pace: float | None = None
    curve: tuple[tuple[int, float], ...] = ()


class Follower:
    """Reads the rows of a training as they are written; each row is read once.

    Args:
        run: the run's folder.
    """

    def __init__(self, run: Path) -> None:
        self.path = run / WORK / PROGRESS
        self._begin_again()

    def _begin_again(self) -> None:
        self._offset, self._last_line = 0, b""
        self._iterations, self._losses = array("q"), array("d")
        self._seconds: deque[float] = deque(maxlen=RECENT)

    def look(self) -> Look:
        """Returns what the training has written so far; an empty look if there is nothing."""
        try:
            with self.path.open("rb") as file:
                if not self._continues(file):
                    self._begin_again()
                file.seek(self._offset)
                self._take(file.read())
        except OSError:  # not begun, or removed at the end
            self._begin_again()
        last = self._iterations[-1] if self._iterations else 0
        pace = median(self._seconds) if self._seconds else None
        return Look(last, pace, tuple(self._curve()))

    def _continues(self, file: Any) -> bool:
        """Whether the file still has the row that was read last: a resumed training cuts rows."""
        file.seek(self._offset - len(self._last_line))
        return bool(file.read(len(self._last_line)) == self._last_line)

    def _take(self, content: bytes) -> None:
        whole, newline, _ = content.rpartition(b"\n")  # the rest is still being written
        self._offset += len(whole) + len(newline)
        lines = whole.split(b"\n") if whole else []
        if lines:
            self._last_line = lines[-1] + b"\n"
        for line in lines:
            self._add(line)

    def _add(self, line: bytes) -> None:
        try:
            row = json.loads(line)
            iteration, loss = int(row["iteration"]), float(row.get("loss", math.nan))
        except (ValueError, TypeError, KeyError, AttributeError):  # damaged: the job finds it
            return
        self._iterations.append(iteration)
        self._losses.append(loss)
        seconds = row.get("seconds")
        if isinstance(seconds, int | float) and math.isfinite(seconds):
            self._seconds.append(float(seconds))

    def _curve(self) -> Iterator[tuple[int, float]]:
        width = max(1, math.ceil(len(self._losses) / POINTS))
        for start in range(0, len(self._losses), width):
            found = [loss for loss in self._losses[start : start + width] if math.isfinite(loss)]
            if found:
                end = min(start + width, len(self._losses))
                yield self._iterations[end - 1], sum(found) / len(found)


def is_training(run: Path) -> bool:
    """Returns whether a process trains a run now.

    The lock of `work/` names host and process. A process of another machine cannot be asked: it
    counts if it wrote in the last 15 minutes.

    Args:
        run: the run's folder.
    """
    note, problem = read_record(run / WORK / LOCK)
    process = note.get("process")
    if problem or not isinstance(process, int):
        return False
    if note.get("host") == socket.gethostname():
        return runs(process)
    return any(_age(run / WORK / name) < SILENT for name in (LOCK, PROGRESS))


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return math.inf
