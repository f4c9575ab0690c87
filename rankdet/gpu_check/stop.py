"""How a user ends a check: with Ctrl-C, with SIGTERM, or by closing the terminal (SIGHUP)."""

import math
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

WORDS = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM", signal.SIGHUP: "SIGHUP"}
ONE = 2.0  # seconds in which several signals are one: a user presses twice, a program sends it on


class Stop:
    """The signals that end a check, and what they do at the moment.

    At first a signal ends the process at once: nothing has been written, and an exception in an
    import may be lost, or may leave half of a module. After `hold` a signal is only noted. In a
    block of `raising` it raises `KeyboardInterrupt`, but not again in the next seconds, in which
    what was interrupted cleans up.

    Attributes:
        number: The first signal; None before it.
        pending: Whether a signal has come since `forget`.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self.pending = False
        self._held = self._raises = False
        self._raised = -math.inf
        self._owner = os.getpid()

    @property
    def code(self) -> int:
        """The exit code as shells count it; 0 without a signal."""
        return 128 + self.number if self.number else 0

    @property
    def reason(self) -> str:
        """What ended the check, for readers."""
        return f"stopped by {WORDS.get(signal.Signals(self.number or signal.SIGINT), 'a signal')}"

    def hold(self) -> None:
        """Lets signals only be noted from now on."""
        self._held = True

    def forget(self) -> None:
        """Lets the signals until now not end the next block of `raising`."""
        self.pending = False

    def note(self, number: int) -> None:
        """Notes a signal."""
        self.number, self.pending = self.number or number, True

    def check(self) -> None:
        """Raises `KeyboardInterrupt` if a signal has come, also if a library has lost it."""
        if self.pending:
            raise KeyboardInterrupt

    @contextmanager
    def raising(self) -> Iterator[None]:
        """Lets a signal in the block, and one that is pending, raise `KeyboardInterrupt`."""
        self.hold()
        self._raises = True
        try:
            self.check()
            yield
        finally:
            self._raises = False

    @contextmanager
    def importing(self) -> Iterator[None]:
        """Lets a signal wait for the end of a block of imports, inside a block of `raising`."""
        self._raises = False
        try:
            yield
        finally:
            self._raises = True
        self.check()

    @contextmanager
    def listening(self) -> Iterator["Stop"]:
        """Receives the signals in the block; only the main thread of a process can.

        A signal that the process ignores, as after `nohup`, is still ignored.
        """
        if threading.current_thread() is not threading.main_thread():
            yield self
            return
        before = {number: signal.getsignal(number) for number in WORDS}
        heard = [number for number, handler in before.items() if handler != signal.SIG_IGN]
        for number in heard:
            signal.signal(number, self._receive)
        try:
            yield self
        finally:
            for number in heard:
                signal.signal(number, before[number])

    def _receive(self, number: int, _frame: object) -> None:
        if os.getpid() != self._owner:  # a process that was started by a fork
            os._exit(128 + number)
        self.note(number)
        if not self._held:
            with suppress(OSError):
                os.write(2, b"stopped\n")
            os._exit(self.code)
        if self._raises and time.monotonic() > self._raised + ONE:
            self._raised = time.monotonic()
            raise KeyboardInterrupt
