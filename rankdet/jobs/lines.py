"""Lines of jobs on other machines, on the terminal where the workflow was started.

Each job appends its lines to a file of its own in a folder that all machines share. The workflow
prints what is new there.
"""

import os
import shutil
import socket
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TextIO

LINES = "RANKDET_LINES"  # the folder, for the jobs of a workflow on a cluster
PAUSE = 1.0  # seconds between two looks


def open_lines() -> int | None:
    """Returns a file descriptor for the lines of this job; None if it prints on a terminal."""
    folder = os.environ.get(LINES)
    if not folder:
        return None
    name = f"{socket.gethostname()}-{os.getpid()}-{time.time_ns()}.txt"
    with suppress(OSError):  # the workflow may have ended, and removed the folder
        return os.open(Path(folder) / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    return None


def say(line: str) -> None:
    """Prints a line where the user sees it; it never fails."""
    descriptor = open_lines()
    with suppress(OSError, ValueError):
        if descriptor is None:
            print(line, file=sys.stderr, flush=True)
        else:
            os.write(descriptor, f"{line}\n".encode(errors="replace"))
    if descriptor is not None:
        os.close(descriptor)


class Follower:
    """Prints the lines that jobs write into a folder.

    Args:
        folder: The folder; it is made, and removed by `stop`.
        out: Where to print.
    """

    def __init__(self, folder: Path, out: TextIO | None = None) -> None:
        self.folder, self._out = folder.absolute(), out
        self._seen: dict[str, int] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def start(self) -> None:
        """Starts to print; jobs that are started from now on write into the folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        os.environ[LINES] = str(self.folder)
        self._thread.start()

    def stop(self) -> None:
        """Prints the last lines and removes the folder."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()
        self.look()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _follow(self) -> None:
        while not self._stopped.wait(PAUSE):
            self.look()

    def look(self) -> None:
        """Prints the whole lines that are new."""
        with suppress(OSError):
            for path in sorted(self.folder.glob("*.txt")):
                with path.open("rb") as file:
                    file.seek(self._seen.get(path.name, 0))
                    new = file.read()
                whole = new[: new.rfind(b"\n") + 1]
                self._seen[path.name] = self._seen.get(path.name, 0) + len(whole)
                if whole:
                    out = self._out or sys.stderr
                    out.write(whole.decode(errors="replace"))
                    out.flush()
