"""Training and inference of a run. torch and mmdet are imported when a function is called."""

from pathlib import Path
from typing import Any


def train(spec: dict[str, Any], run_dir: str | Path) -> None:
    """Trains a run, or resumes it from its `work/` folder; see `rankdet.training.run`."""
    from rankdet.training.processes import process_count, train_in_processes
    from rankdet.training.run import train_run

    run = train_in_processes if process_count(spec) > 1 else train_run
    run(spec, Path(run_dir))


def predict(spec: dict[str, Any], run_dir: str | Path, split: str, out_dir: str | Path) -> None:
    """Writes the detections of a run on one split; see `rankdet.training.inference`."""
    from rankdet.training.inference import predict_run

    predict_run(spec, Path(run_dir), split, Path(out_dir))


def untrained(spec: dict[str, Any], run_dir: str | Path) -> None:
    """Writes the detections of an untrained model; see `rankdet.training.inference`."""
    from rankdet.training.inference import predict_untrained

    predict_untrained(spec, Path(run_dir))


def given(spec: dict[str, Any], run_dir: str | Path) -> None:
    """Writes a run's model from a checkpoint file; see `rankdet.training.given`."""
    from rankdet.training.given import write_given

    write_given(spec, Path(run_dir))
