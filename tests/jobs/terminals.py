"""A pseudo-terminal for a command, and what a person would see on it."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

TOKEN = re.compile(rb"\x1b\[(\d*)([A-Za-z])|\r|\n|[^\x1b\r\n]+")


def seen(output: bytes) -> list[str]:
    """Returns the lines on the terminal after some output, without colours; all that scrolled too.

    Raises:
        ValueError: For a control sequence other than cursor up, erase below and colours.
    """
    lines, row, column = [""], 0, 0
    for found in TOKEN.finditer(output):
        number, letter = found[1], found[2]
        if letter == b"A":
            row = max(0, row - int(number or 1))
        elif letter == b"J":
            lines = [*lines[:row], lines[row][:column]]
        elif letter not in (None, b"m"):
            raise ValueError(f"unexpected control sequence {found[0]!r}")
        elif found[0] == b"\r":
            column = 0
        elif found[0] == b"\n":
            row += 1
            if row == len(lines):
                lines.append("")
        elif letter is None:
            text = found[0].decode(errors="replace")
            lines[row] = lines[row][:column].ljust(column) + text + lines[row][column + len(text) :]
            column += len(text)
    return lines


def _in_the_foreground() -> None:
    """Takes the terminal; a shell lets processes in the background ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Terminal:
    """A command on a pseudo-terminal, as its foreground job.

    Args:
        command: The command.
        folder: Where it runs.
        columns: Width of the terminal.
        **more: Variables of its environment.
    """

    def __init__(self, command: Sequence[str], folder: Path, columns: int = 100, **more: str):
        self.descriptor, inner = pty.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        self.before = termios.tcgetattr(inner)
        self.output = b""
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, "TERM": "xterm", **more},
            stdin=inner,
            stdout=inner,
            stderr=inner,
            start_new_session=True,
            preexec_fn=_in_the_foreground,
        )
        self._inner = inner  # kept open, so that its modes can be read at the end

    def wait(self, until: Callable[[bytes], Any], seconds: float = 120) -> list[str]:
        """Reads until the output fulfils a condition, or the command ends; returns the lines."""
        last = time.monotonic() + seconds
        while not until(self.output):
            ended = self.process.poll() is not None
            if select.select([self.descriptor], [], [], 0.1)[0]:
                self.output += os.read(self.descriptor, 1 << 16)
            elif ended:
                break
            if time.monotonic() > last:
                raise TimeoutError(seen(self.output)[-20:])
        return seen(self.output)

    def ended(self, seconds: float = 120) -> list[str]:
        """Waits for the end of the command; returns all lines."""
        return self.wait(lambda _: False, seconds)

    def type(self, keys: bytes) -> None:
        """Types keys: `\\x03` is Ctrl-C."""
        os.write(self.descriptor, keys)

    def modes_are_kept(self) -> bool:
        """Whether the terminal has the modes of the start, and its cursor is visible."""
        hidden = self.output.rfind(b"\x1b[?25l") > self.output.rfind(b"\x1b[?25h")
        return termios.tcgetattr(self._inner) == self.before and not hidden

    def close(self) -> None:
        """Ends the command and closes the terminal."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.descriptor)
        os.close(self._inner)
