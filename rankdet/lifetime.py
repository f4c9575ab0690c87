"""A process ends when the one that started it is gone, so that a killed workflow leaves no writer.

Snakemake starts jobs through shells and other processes. If it is killed, these go on. So each job
watches its parent and the workflow that the user started.
"""

import contextlib
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable

WORKFLOW = "RANKDET_WORKFLOW"  # host and process of the workflow, for the jobs that it starts
PAUSE = 0.5  # seconds between two looks, where the system cannot announce the end of a process
GRACE = 10  # seconds that a process has to end its own children


def mark_workflow() -> None:
    """Makes this process the one that the jobs started from now on belong to."""
    os.environ[WORKFLOW] = f"{socket.gethostname()}:{os.getpid()}"


def runs(process: int) -> bool:
    """Returns whether a process of this machine runs."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # another user's
        return True
    return True


def terminate() -> None:
    """Ends this process, which may first end its own children."""
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)
    os.kill(os.getpid(), signal.SIGKILL)


def end_with_parent(end: Callable[[], None] = terminate) -> None:
    """Ends this process as soon as its parent, or the workflow that it belongs to, is gone.

    Child processes need their own call.

    Args:
        end: Ends this process; called in a thread.
    """
    for process in dict.fromkeys((os.getppid(), *_workflow())):
        threading.Thread(target=_end_after, args=(process, end), daemon=True).start()


def _workflow() -> list[int]:
    """The workflow's process, if it is on this machine: a cluster's jobs are not."""
    host, _, process = os.environ.get(WORKFLOW, "").rpartition(":")
    return [int(process)] if host == socket.gethostname() and process.isdigit() else []


def _end_after(process: int, end: Callable[[], None]) -> None:
    _wait_for(process)
    with contextlib.suppress(OSError, ValueError):
        print(f"process {process}, which started this job, is gone: it ends", file=sys.stderr)
        sys.stderr.flush()
    end()


def _wait_for(process: int) -> None:
    """Returns when a process has ended."""
    try:
        descriptor = os.pidfd_open(process)
    except ProcessLookupError:
        return
    except (AttributeError, OSError):  # not Linux, or an old one
        while runs(process):
            time.sleep(PAUSE)
        return
    end = select.poll()
    end.register(descriptor, select.POLLIN)
    end.poll()
    os.close(descriptor)
