"""Runs of a study at some moment: training, interrupted, failed, trained or done."""

import json
import os
import socket
from pathlib import Path

from rankdet.results.failures import record_failure
from rankdet.results.layout import LOCK, METRICS, PROGRESS, RUN, WORK


def train(folder: Path, done: int, seconds: float = 0.5, process: int | None = None) -> None:
    """Writes what a training has written after `done` iterations; its process is this one."""
    (folder / WORK).mkdir(parents=True, exist_ok=True)
    note = {"host": socket.gethostname(), "process": process or os.getpid()}
    (folder / WORK / LOCK).write_text(json.dumps(note))
    rows = [{"iteration": i, "loss": 5 / i, "seconds": seconds} for i in range(1, done + 1)]
    (folder / WORK / PROGRESS).write_text("".join(json.dumps(row) + "\n" for row in rows))


def finish_training(folder: Path, seconds: float = 0.5) -> None:
    """Writes the record of a training that has ended, and removes its `work/`."""
    for path in (folder / WORK).glob("*"):
        path.unlink()
    folder.mkdir(parents=True, exist_ok=True)
    training = {"iterations": 100, "seconds_per_iteration": seconds}
    record = {"schema": "rankdet.run/1", "run": {}, "status": "trained"}
    (folder / RUN).write_text(json.dumps({**record, "training": training}))


def evaluate(folder: Path, ap: float = 0.25) -> None:
    """Writes the metrics of a run."""
    metrics = {"schema": "rankdet.metrics/1", "metrics": {"AP": ap, "AP50": 0.5}}
    (folder / METRICS).write_text(json.dumps(metrics))


def fail(folder: Path, reason: str) -> None:
    """Writes why a training failed."""
    record_failure(folder, f"train {'/'.join(folder.parts[-4:])}", reason)
