"""Only one process writes a run's `work/` folder: its lock names the host and the process."""

import errno
import fcntl
import json
import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from rankdet.errors import InputError
from rankdet.files import read_record, shown
from rankdet.lifetime import runs

PATIENCE = 30.0  # seconds; a process whose workflow was killed needs less to end
PAUSE = 0.2  # seconds between two tries
# Errors of file systems without locks. The note in the file is then the only sign.
NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP})


class WriterLock:
    """A lock on a folder, held until this process ends; two locks of one process do not conflict.

    Args:
        path: The file of the lock, in the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def acquire(self, say: Callable[[str], None], patience: float = PATIENCE) -> None:
        """Takes the lock; waits for a process that has it.

        Args:
            say: Called with a line if it has to wait.
            patience: Seconds to wait.

        Raises:
            InputError: If another process still has it; the line names host and process.
            OSError: If the folder cannot be written.
        """
        give_up, said = time.monotonic() + patience, False
        while not self._try():
            if time.monotonic() >= give_up:
                raise InputError(
                    f"{shown(self.path.parent)}: {self._owner()} is writing it; wait until it has "
                    "finished, or end it, and run again"
                )
            if not said:
                say(f"waits for {self._owner()}, which writes {shown(self.path.parent)}")
                said = True
            time.sleep(PAUSE)
        note = {"host": socket.gethostname(), "process": os.getpid()}
        os.ftruncate(self._descriptor or 0, 0)
        os.pwrite(self._descriptor or 0, json.dumps(note).encode(), 0)

    def release(self) -> None:
        """Gives the lock back."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _try(self) -> bool:
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in NO_LOCKS or self._owner_runs_here():
                os.close(descriptor)
                return False
        with suppress(FileNotFoundError):  # the process before may have removed the folder
            if os.path.samestat(os.fstat(descriptor), self.path.stat()):
                self._descriptor = descriptor
                return True
        os.close(descriptor)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return False

    def _owner_runs_here(self) -> bool:
        note, _ = read_record(self.path)
        process = note.get("process")
        here = note.get("host") == socket.gethostname() and process != os.getpid()
        return here and isinstance(process, int) and runs(process)

    def _owner(self) -> str:
        note, problem = read_record(self.path)
        if problem:
            return "another process"
        return f"process {note.get('process')} on {note.get('host')}"
