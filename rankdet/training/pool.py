"""Trainings in processes of their own, several at a time, stopped in time."""

import logging
import math
import multiprocessing
import os
import queue
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from rankdet.lifetime import end_with_parent
from rankdet.training.attempts import (
    FAILED,
    MEASURED,
    NOT_REACHED,
    Row,
    one_line,
    write_traceback,
)
from rankdet.training.one_training import train_and_evaluate

Task = tuple[Row, dict[str, Any]]  # what identifies a training, and its spec
POLL = 0.5  # seconds between looks at the processes
KILLED = 30.0  # seconds in which a killed process is gone, also on a loaded machine


def no_end() -> float:
    """Returns infinity: the time that is left if nothing limits it."""
    return math.inf


def train_all(
    tasks: Sequence[Task],
    processes: int,
    work: Path,
    log: Path,
    *,
    left: Callable[[], float] = no_end,
) -> Iterator[Row]:
    """Trains runs in parallel until the time is over, then stops the processes.

    A process does not start a training if less time is left than its longest one took.

    Args:
        tasks: The runs in their order.
        processes: How many train at a time.
        work: A folder for the files of the runs, which are removed after each run.
        log: A file for tracebacks.
        left: Returns how many seconds are left.

    Yields:
        One row per run, in the order in which they end; see `guarded`.
    """
    spawn = multiprocessing.get_context("spawn")  # CUDA does not survive a fork
    waiting: Any = spawn.Queue()
    done: Any = spawn.Queue()
    for one in (waiting, done):  # nobody reads them after an interrupt: no exit waits for that
        one.cancel_join_thread()
    for index, (_, spec) in enumerate(tasks):
        waiting.put((index, spec))
    for _ in range(processes):
        waiting.put(None)
    end = time.time() + left()  # processes do not share a monotonic clock
    arguments = (waiting, done, end, str(work), str(log))
    workers = [spawn.Process(target=serve, args=arguments, daemon=True) for _ in range(processes)]
    open_tasks = dict(enumerate(tasks))
    try:
        for worker in workers:
            worker.start()
        while open_tasks and left() > 0:
            alive = any(worker.is_alive() for worker in workers)
            try:
                index, row = done.get(timeout=min(POLL, max(0.01, left())))
            except queue.Empty:
                if not alive:
                    break
                continue
            yield {**open_tasks.pop(index)[0], **row}
    finally:
        for worker in workers:
            if worker.is_alive():
                worker.kill()
        for worker in workers:
            if worker.pid is not None:
                worker.join(KILLED)
        for one in (waiting, done):
            one.close()
    unfinished = _unfinished(workers) if left() > 0 else {"status": NOT_REACHED}
    yield from ({**item, **unfinished} for item, _ in open_tasks.values())


def _unfinished(workers: Sequence[Any]) -> Row:
    """What came of a training whose processes ended before the time was over."""
    codes = [worker.exitcode for worker in workers]
    if all(code not in (0, None) for code in codes):
        return {"status": FAILED, "reason": f"all processes ended ({codes[0]})"}
    return {"status": NOT_REACHED}


def serve(waiting: Any, done: Any, end: float, folder: str, log: str) -> None:
    """Trains runs from a queue: the main function of a process.

    Args:
        waiting: Queue of (index, spec); None ends the process.
        done: Queue of (index, row).
        end: When to stop, by `time.time`.
        folder: For the files of the runs.
        log: For tracebacks. Other output goes to a file in `folder`.
    """
    end_with_parent()
    own = Path(folder) / f"process-{os.getpid()}"
    own.mkdir(parents=True, exist_ok=True)
    output = os.open(own / "output.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(output, 1)
    os.dup2(output, 2)
    logging.disable(logging.INFO)
    longest = 0.0
    for index, spec in iter(waiting.get, None):
        if time.time() + longest > end:
            done.put((index, {"status": NOT_REACHED}))
            continue
        start = time.time()
        done.put((index, guarded(spec, own / str(index), Path(log))))
        longest = max(longest, time.time() - start)


def guarded(spec: dict[str, Any], folder: Path, log: Path) -> Row:
    """Returns the row of a training, or `failed` with the reason.

    Args:
        spec: The run's spec.
        folder: An empty folder for the run.
        log: A file for tracebacks.

    Returns:
        `status`; with `measured` what `train_and_evaluate` returns, with `failed` the `reason`.
    """
    try:
        return {"status": MEASURED, **train_and_evaluate(spec, folder)}
    except Exception as error:
        write_traceback(log, f"training in {folder}")
        return {"status": FAILED, "reason": one_line(error)}
