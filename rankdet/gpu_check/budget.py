"""The time of a part: how much is left, the steps that fit in it, and an alarm at its end."""

import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rankdet.training.attempts import FAILED, MEASURED, NOT_REACHED, Row, one_line, write_traceback

REPEAT = 5.0  # seconds between alarms: a library may swallow the first


class OutOfTime(BaseException):
    """A part has used its time. It is no `Exception`, so that no library catches it."""


@dataclass
class Budget:
    """The seconds that a part may take, counted from now.

    Attributes:
        seconds: How long the part may take.
        end: When it must have ended, by `time.monotonic`.
    """

    seconds: float
    end: float = field(init=False)

    def __post_init__(self) -> None:
        self.end = time.monotonic() + self.seconds

    def left(self) -> float:
        """Returns the seconds that are left; negative after the end."""
        return self.end - time.monotonic()


@dataclass(frozen=True)
class Context:
    """What a part needs to run.

    Attributes:
        device: `cpu` or `cuda:<index>`.
        size: `tiny` (seconds on a CPU) or `full`.
        budget: The part's time.
        log: The file for tracebacks.
        work: A folder for temporary files.
    """

    device: str
    size: str
    budget: Budget
    log: Path
    work: Path

    @property
    def on_gpu(self) -> bool:
        """Whether the device is a GPU."""
        return self.device.startswith("cuda")


@contextmanager
def alarm(seconds: float) -> Iterator[None]:
    """Raises `OutOfTime` in the block when its time is over.

    Only the main thread of a process can receive the signal; elsewhere nothing is raised.
    """

    def ring(*_: object) -> None:
        raise OutOfTime

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.01), REPEAT)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def steps(items: Iterable[Row], measure: Callable[[Row], Row], context: Context) -> Iterator[Row]:
    """Measures items while there is time.

    A step is not started if less time is left than the step before took. A step that raises does
    not end the others.

    Args:
        items: What identifies each step, such as loss and size.
        measure: Returns what was measured for an item. It may set `status` and `reason` itself.
        context: The part's context.

    Yields:
        One row per item: the item, `status` and either what was measured or a `reason`.

    Raises:
        OutOfTime: After the last item, if the alarm stopped one of them.
    """
    last, cut = 0.0, None
    for item in items:
        if cut or context.budget.left() <= last:
            yield {**item, "status": NOT_REACHED}
            continue
        start = time.monotonic()
        try:
            row = {**item, "status": MEASURED, **attempt(measure, item, context)}
        except OutOfTime as error:
            cut = error
            row = {**item, "status": NOT_REACHED, "reason": "stopped at the end of the time"}
        last = time.monotonic() - start
        yield row
    if cut:
        raise cut


def attempt(measure: Callable[[Row], Row], item: Row, context: Context) -> Row:
    """Returns what was measured, or `failed` with the reason in one line."""
    try:
        return measure(item)
    except Exception as error:
        write_traceback(context.log, f"{item}")
        return {"status": FAILED, "reason": one_line(error)}
