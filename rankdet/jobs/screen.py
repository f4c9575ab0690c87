"""A terminal whose last lines are a view that is drawn again and again; other lines scroll above.

All that this process and its jobs print goes through a pipe, so that nothing falls between the
lines of the view. The cursor stays visible and the terminal keeps its modes: whatever ends this
process, also SIGKILL, leaves a terminal that works.
"""

import os
import re
import select
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

EVERY = 1.0  # seconds between two drawings
PATIENCE = 0.3  # seconds to wait for the last lines of jobs that end
BLOCK = 1 << 16  # bytes
ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
STREAMS = (1, 2)


class Screen:
    """Owns the terminal between `start` and `stop`.

    Args:
        lines: returns the lines of the view for a width in characters; called in a thread.
        hidden: returns whether a printed line, without colours, is left out.
    """

    def __init__(
        self, lines: Callable[[int], Sequence[str]], hidden: Callable[[str], bool]
    ) -> None:
        self._lines, self._hidden = lines, hidden
        self._drawn: list[str] = []
        self._rest = b""
        self._stopping = threading.Event()
        self._lock = threading.Lock()

    def start(self) -> None:
        """Sends standard error, and standard output if it is the same terminal, through the view.

        Raises:
            OSError: if standard error is not a terminal.
        """
        self._terminal = os.dup(2)
        self._name = os.ttyname(self._terminal)
        self._reading, writing = os.pipe()
        os.set_blocking(self._reading, False)
        _flush()
        self._taken = [one for one in STREAMS if _terminal_of(one) == self._name]
        for stream in self._taken:
            os.dup2(writing, stream)
        os.close(writing)
        self._thread = threading.Thread(target=self._run, daemon=True, name="rankdet-view")
        self._thread.start()

    def stop(self) -> None:
        """Gives the terminal back, without the view; a second call does nothing."""
        with self._lock:
            if self._stopping.is_set():
                return
            self._stopping.set()
        _flush()
        for stream in self._taken:
            os.dup2(self._terminal, stream)
        self._thread.join(timeout=5)

    def forget(self) -> None:
        """Begins a new view below what the shell has printed since: after Ctrl-Z and `fg`."""
        self._drawn = []

    def _run(self) -> None:
        due = 0.0
        while not self._stopping.is_set():
            wait = min(PATIENCE, max(0.0, due - time.monotonic()))
            if select.select([self._reading], [], [], wait)[0]:
                lines, open_ = self._take()
                if not open_:
                    break
                self._show(lines)
            if time.monotonic() >= due:
                self._show([])
                due = time.monotonic() + EVERY
        while select.select([self._reading], [], [], PATIENCE)[0]:
            lines, open_ = self._take()
            self._show(lines, view=False)
            if not open_:
                break
        self._show([self._rest] if self._rest else [], view=False)
        # The pipe stays open: a job that still ends must not fail because nobody reads.
        self._pass_on()

    def _pass_on(self) -> None:
        """Shows what jobs print after the end of the view; ends with this process."""
        with suppress(OSError):
            os.set_blocking(self._reading, True)
        self._rest = b""
        threading.Thread(target=self._copy, daemon=True).start()

    def _copy(self) -> None:
        with suppress(OSError):
            while content := os.read(self._reading, BLOCK):
                with suppress(OSError):
                    os.write(self._terminal, content)

    def _take(self) -> tuple[list[bytes], bool]:
        """Returns the whole lines that were printed, and whether somebody may still print."""
        try:
            content = os.read(self._reading, BLOCK)
        except BlockingIOError:
            return [], True
        *lines, self._rest = (self._rest + content).split(b"\n")
        return lines, bool(content)

    def _show(self, lines: Sequence[bytes], view: bool = True) -> None:
        kept = [line for line in lines if not self._hidden(_plain(line))]
        if lines and not kept and view:
            return
        drawn: list[str] = []
        with suppress(OSError):
            width = max(20, os.get_terminal_size(self._terminal).columns)
            if view and os.tcgetpgrp(self._terminal) == os.getpgrp():  # not in the background
                drawn = self._view(width)
            above = sum(max(1, -(-len(line) // width)) for line in self._drawn)
            text = f"\x1b[{above}A\r\x1b[J".encode() if above else b""
            text += b"".join(line + b"\n" for line in kept)
            text += "".join(f"{line}\n" for line in drawn).encode(errors="replace")
            self._drawn = [ANSI.sub("", line) for line in drawn]
            _write_all(self._terminal, text)

    def _view(self, width: int) -> list[str]:
        try:
            return list(self._lines(width))
        except Exception as error:  # a fault of the view must not stop a study
            return [f"(no progress: {type(error).__name__}: {error})"[:width].replace("\n", " ")]


def _write_all(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


def _plain(line: bytes) -> str:
    return ANSI.sub("", line.decode("utf-8", errors="replace"))


def _terminal_of(stream: int) -> str | None:
    try:
        return os.ttyname(stream)
    except OSError:
        return None


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
