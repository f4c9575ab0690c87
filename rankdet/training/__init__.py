"""Training and inference of a run. torch and mmdet are imported when a function is called."""

from collections.abc import Callable
from pathlib import Path
from typing import Any


def train(
    spec: dict[str, Any], run_dir: str | Path, finish: Callable[[], None] | None = None
) -> None:
    """Trains a run, or resumes it from its `work/` folder; see `rankdet.training.run`.

    Args:
        spec: the run's spec.
        run_dir: the run's folder.
        finish: called before `work/` is removed; not in a training of several processes.
    """
    from rankdet.training.processes import process_count, train_in_processes
    from rankdet.training.run import train_run

    if process_count(spec) > 1:
        train_in_processes(spec, Path(run_dir))
    else:
        train_run(spec, Path(run_dir), finish)


def predict(spec: dict[str, Any], run_dir: str | Path, split: str, out_dir: str | Path) -> None:
    """Writes the detections of a run on one split; see `rankdet.training.inference`."""
    from rankdet.training.inference import predict_run

    predict_run(spec, Path(run_dir), split, Path(out_dir))


def untrained(spec: dict[str, Any], run_dir: str | Path) -> None:
    """Writes the detections of an untrained model; see `rankdet.training.inference`."""
    from rankdet.training.inference import predict_untrained

    predict_untrained(spec, Path(run_dir))


def given(spec: dict[str, Any], run_dir: str | Path) -> None:
    """Writes a run's model from a checkpoint file; see `rankdet.training.given_weights`."""
    from rankdet.training.given_weights import write_given

    write_given(spec, Path(run_dir))
