"""The trainings of the check, from the default study's config: its data and its schedule."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rankdet.datasets import prepare
from rankdet.repository import CONFIG
from rankdet.study.config.check import check_config, load_config
from rankdet.study.plan import Study

SOURCE = "rankdet bench gpu"
DATASET = "shapes"
TINY: dict[str, Any] = {
    "data": {"image_size": 128, "train_images": 4, "val_images": 2},
    "schedule": {"image_size": 128, "batch_size": 2, "iterations": 2, "warmup": 1},
}


def small_study(
    size: str,
    device: str,
    detectors: Sequence[str],
    losses: Sequence[str],
    seeds: Sequence[int],
    **schedule: Any,
) -> Study:
    """Returns a study of small detectors on the built-in shapes, as in `config/smoke.yaml`.

    Args:
        size: `full`, or `tiny`: a few images and two iterations.
        device: `cpu` or `cuda`.
        detectors: Files of `workflows/detectors`.
        losses: Files of `workflows/losses`.
        seeds: One training for each.
        **schedule: Changes of the schedule.

    Raises:
        InputError: If a loss does not train a detector.
    """
    default = load_config(CONFIG / "smoke.yaml")
    data, own = dict(default["datasets"][DATASET]), dict(default["schedule"])
    if size == "tiny":
        data |= TINY["data"]
        own |= TINY["schedule"]
    group = {"dataset": DATASET, "detectors": [*detectors], "losses": [*losses]}
    values = {
        "study": "gpu-check",
        "title": "GPU check",
        "scale": "Small trainings of the GPU check.",
        "preset": "small",
        "device": device,
        "datasets": {DATASET: data},
        "runs": [{**group, "seeds": [*seeds]}],
        "schedule": {**own, "checkpoint_every": 100_000, **schedule},
        "splits": ["val"],
    }
    return Study(check_config(values, SOURCE), SOURCE)


def prepared(study: Study, folder: Path) -> str:
    """Writes the study's data into a folder; returns the path of the manifest."""
    prepare(DATASET, study.data_config(DATASET), folder)
    return str(folder / "dataset.json")


def specs(study: Study, manifest: str, checksum: str | None) -> list[dict[str, Any]]:
    """Returns the job specs of the study's trainings.

    Args:
        study: The study.
        manifest: The path of its dataset's manifest.
        checksum: The data's checksum.
    """
    found = []
    for run in (run for run in study.runs if run.trained):
        spec = study.run_spec(run, threads=1)
        found.append({**spec, "manifest": manifest, "hashes": {**spec["hashes"], "data": checksum}})
    return found
