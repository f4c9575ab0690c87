"""What became of one broken input: fine, or a fault in one line."""

import contextlib
import io
import random
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from rankdet.cli import main
from rankdet.errors import InputError

Try = Callable[[random.Random], tuple[str, str | None]]  # to what was broken, and the fault
MOST_SECONDS = 20  # of the processor: a machine with other work is no fault
MOST_WAITING = 120  # seconds of the clock, for a wait that never ends


class TooLong(BaseException):
    """The limit of time has passed."""


@contextlib.contextmanager
def limited(seconds: float, waiting: float) -> Iterator[None]:
    """Ends the block with `TooLong` after some seconds of the processor, or of the clock."""
    timers = (
        (signal.SIGPROF, signal.ITIMER_PROF, seconds),
        (signal.SIGALRM, signal.ITIMER_REAL, waiting),
    )

    def stop(*_: Any) -> None:
        raise TooLong

    before = [signal.signal(number, stop) for number, _, _ in timers]
    left = [signal.setitimer(timer, limit) for _, timer, limit in timers]
    try:
        yield
    finally:
        for (number, timer, _), handler, seconds_left in zip(timers, before, left, strict=True):
            signal.setitimer(timer, 0)
            signal.signal(number, handler)
            signal.setitimer(timer, *seconds_left)  # that of pytest-timeout goes on


def fault_of_command(argv: list[str], never: bool = False) -> str | None:
    """Runs `rankdet` in this process; returns its fault, or None.

    Args:
        argv: The arguments.
        never: Whether success is a fault.
    """
    err = io.StringIO()

    def run() -> None:
        out = io.TextIOWrapper(io.BytesIO(), "utf-8")
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(argv)
        lines = err.getvalue().splitlines()
        if code == 2 and not (lines and lines[-1].startswith("error: ")):
            raise AssertionError(f"exit code 2 without a message: {lines}")
        if code == 2:
            raise InputError(lines[-1].removeprefix("error: "))
        if code:
            raise AssertionError(f"exit code {code}")

    return fault_of(run, never)


def fault_of(call: Callable[[], Any], never: bool = False) -> str | None:
    """Calls a function; returns its fault, or None if it works or raises an InputError of one line.

    Args:
        call: The function.
        never: Whether success is a fault.
    """
    started = time.process_time()
    try:
        with limited(MOST_SECONDS, MOST_WAITING):
            call()
    except InputError as error:
        return _of_message(str(error))
    except TooLong:
        return f"more than {MOST_SECONDS} s of the processor, or {MOST_WAITING} s of the clock"
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        frame = traceback.extract_tb(error.__traceback__)[-1]
        ours = [f for f in traceback.extract_tb(error.__traceback__) if "rankdet" in f.filename]
        place = ours[-1] if ours else frame
        name = place.filename.rpartition("rankdet/")[2]
        return f"{type(error).__name__} in {name}:{place.lineno}: {str(error)[:120]}"
    seconds = time.process_time() - started
    if seconds > MOST_SECONDS:
        return f"{seconds:.0f} s"
    return "accepted" if never else None


def _of_message(text: str) -> str | None:
    if "\n" in text:
        return f"a message of several lines: {text[:80]!r}"
    if len(text) > 1500:
        return f"a message of {len(text)} characters: {text[:80]!r}"
    try:
        text.encode()
    except UnicodeEncodeError:
        return f"a message that cannot be written: {text[:80]!a}"
    return None
