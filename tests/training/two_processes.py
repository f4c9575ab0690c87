"""The spec of a small training in two processes on a CPU."""

from pathlib import Path
from typing import Any

from rankdet.datasets import prepare
from tests.training.alrp_spec import alrp_spec


def two_processes(folder: Path) -> dict[str, Any]:
    """Returns the spec; its data are prepared in an empty folder."""
    config = {"kind": "shapes", "title": "t", "seed": 1, "train_images": 8, "val_images": 4}
    prepare("shapes", {**config, "image_size": 64, "empty_fraction": 0.0}, folder)
    # Each process has its own weight, which only a checkpoint of all processes keeps.
    balance = {"type": "self-epoch", "initial": 50, "period": 3, "synchronise": False}
    schedule = {
        "image_size": 64,
        "batch_size": 4,
        "gpus": 2,
        "images_per_gpu": 2,
        "iterations": 16,
        "lr": 0.001,
        "warmup": 2,
        "lr_steps": [0.8],
        "checkpoint_every": 2,
    }
    return alrp_spec(
        folder,
        balance=balance,
        schedule=schedule,
        test={"score_threshold": 0.0, "nms_iou": 0.5},
        threads=2,
        keep_epochs=["50-of-100"],
    )
