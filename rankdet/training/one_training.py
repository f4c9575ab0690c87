"""One training without Snakemake: train, predict, evaluate; its numbers are kept, not its files."""

import shutil
import time
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def train_and_evaluate(spec: dict[str, Any], folder: Path) -> Row:
    """Trains a run and evaluates it on its main split; removes the run's files.

    Args:
        spec: The run's spec.
        folder: An empty folder for the run.

    Returns:
        `AP`, `AP50` and `oLRP` in [0, 1] (None if undefined), `outcome` (`trained`, `collapsed`,
        `diverged`), `outcome_reason`, `iterations`, `epochs`, `seconds_per_iteration`,
        `seconds_per_image` (of inference), `train_seconds`, `seconds` (all in all).
    """
    from rankdet.evaluation.evaluate import evaluate_files
    from rankdet.results.layout import DETECTIONS, RUN, SPEED
    from rankdet.results.schemas.dataset import DatasetManifest
    from rankdet.results.schemas.run import RunRecord
    from rankdet.results.schemas.sweep import SpeedRecord
    from rankdet.training import predict, train

    start = time.monotonic()
    split = spec["splits"][0]
    train(spec, folder)
    predict(spec, folder, split, folder)
    truth = DatasetManifest.from_disk(spec["manifest"]).splits[split].annotations
    metrics = evaluate_files(truth, folder / DETECTIONS)["metrics"]
    record = RunRecord.from_disk(folder / RUN).to_dict()
    training = record["training"]
    speed = SpeedRecord.read(folder / SPEED)[0]
    shutil.rmtree(folder, ignore_errors=True)
    return {
        "outcome": record["status"],
        "outcome_reason": record["reason"],
        **{key: metrics[key] for key in ("AP", "AP50", "oLRP")},
        **{key: training[key] for key in ("iterations", "epochs", "seconds_per_iteration")},
        "seconds_per_image": speed.seconds_per_image if speed else None,
        "train_seconds": training["seconds"],
        "seconds": round(time.monotonic() - start, 3),
    }
