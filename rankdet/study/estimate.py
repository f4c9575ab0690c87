"""How long a study's trainings will take: iterations × measured seconds per iteration.

The seconds come from records below `results/`, of earlier runs and of `rankdet bench iteration`:
those with the same detector, backbone, preset, image size, batch size, processor and device.
Without such a record, the estimate says so. Evaluation is not counted.
"""

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from rankdet.machine import processor_name
from rankdet.results.course import Course
from rankdet.results.layout import COST, DATASET, RUN
from rankdet.results.schemas.cost import CostRecord
from rankdet.results.schemas.dataset import DatasetManifest
from rankdet.results.schemas.run import RunRecord
from rankdet.study.plan import Study
from rankdet.study.resolved_run import ResolvedRun

RESULTS = Path("results")
# Training images with objects, which an epoch consists of.
PUBLISHED = {"coco": 117_266, "coco-minitrain": 25_000, "lvis": 100_170}


@dataclass(frozen=True)
class Pace:
    """What determines the time of an iteration, apart from the machine."""

    detector: str
    backbone: str
    preset: str
    image_size: tuple[int, ...]
    batch_size: int
    gpus: int = 1
    accumulate: int = 1
    precision: str = "fp32"


@dataclass(frozen=True)
class Estimate:
    """The trainings for a table, or for a whole study.

    Attributes:
        runs: Number of trainings.
        iterations: Iterations of all of them; None if the size of a dataset is not known yet.
        hours: Time of those whose pace was measured on this machine. GPU-hours count every GPU.
        unknown: Number of those whose pace was not measured or whose length is not known.
    """

    runs: int
    iterations: int | None
    hours: float
    unknown: int


def estimates(study: Study, results: Path = RESULTS) -> dict[str, Estimate]:
    """Returns an estimate for each table and figure of a study, and for the study as `all`.

    Runs that tables share are counted in each of them, and once in `all`.
    """
    paces = measured(results, gpu=bool(study.gpus))
    found = {}
    for name, spec in {**study.tables, **study.figures}.items():
        runs = study.runs_of(spec)
        if runs:
            found[name] = _estimate(study, runs, paces)
    return {**found, "all": _estimate(study, study.runs, paces)}


def estimate(study: Study, runs: Iterable[ResolvedRun], results: Path = RESULTS) -> Estimate:
    """Returns the estimate of some runs of a study."""
    return _estimate(study, runs, measured(results, gpu=bool(study.gpus)))


def unmeasured(study: Study, results: Path = RESULTS) -> list[Pace]:
    """Returns what the trainings need that was not measured on this machine, in their order."""
    paces = measured(results, gpu=bool(study.gpus))
    needed = dict.fromkeys(pace_of(run) for run in study.runs if run.trained)
    return [pace for pace in needed if pace not in paces]


def _estimate(study: Study, runs: Iterable[ResolvedRun], paces: Mapping[Pace, float]) -> Estimate:
    trained = [run for run in runs if run.trained]
    lengths = [iterations(study, run) for run in trained]
    hours, unknown = 0.0, 0
    for run, length in zip(trained, lengths, strict=True):
        seconds = paces.get(pace_of(run))
        if seconds is None or length is None:
            unknown += 1
        else:
            hours += seconds * length / 3600 * (run.gpus if study.gpus else 1)
    known = [length for length in lengths if length is not None]
    total = sum(known) if len(known) == len(lengths) else None
    return Estimate(len(trained), total, hours, unknown)


def iterations(study: Study, run: ResolvedRun) -> int | None:
    """Returns how many iterations a run takes, None if its data are not counted yet.

    They are whole epochs, as in training. Images that `oversample` repeats are not counted.
    """
    images = images_of(study, run.dataset)
    if images is None:
        return None
    length = max(1, math.ceil(images / run.schedule["batch_size"]))
    return Course.of(run.schedule, length).iterations


def images_of(study: Study, dataset: str, split: str = "train") -> int | None:
    """Returns the images of a split, None if they are not counted yet.

    Of the training split, only images with annotations count: an epoch consists of these.
    """
    config = study.config.datasets[dataset]
    if config.kind == "shapes" and split in ("train", "val"):
        if split == "val":
            return config.val_images
        return int(config.train_images * (1 - config.empty_fraction))
    if config.kind in PUBLISHED and split == "train":
        return PUBLISHED[config.kind]
    manifest, _ = DatasetManifest.read(Path(study.folder) / dataset / DATASET)
    found = manifest.splits.get(split) if manifest else None
    if found and split == "train" and found.n_in_epoch is not None:
        return found.n_in_epoch
    return found.n_images if found else None


def pace_of(run: ResolvedRun) -> Pace:
    """Returns what determines the time of a run's iteration."""
    schedule = run.schedule
    size = _size(schedule["image_size"])
    return Pace(
        run.detector, run.backbone, run.preset, size, schedule["batch_size"], *_sharing(schedule)
    )


def _sharing(settings: Any) -> tuple[int, int, str]:
    accumulate, precision = settings.get("accumulate") or 1, settings.get("precision") or "fp32"
    return settings.get("gpus") or 1, accumulate, precision


def _size(image_size: Any) -> tuple[int, ...]:
    return tuple(image_size) if isinstance(image_size, list | tuple) else (image_size, image_size)


def measured(results: Path, *, gpu: bool, anywhere: bool = False) -> dict[Pace, float]:
    """Returns the median seconds per iteration of each pace that was measured on this machine.

    Args:
        results: Folder with the studies' results.
        gpu: True for times on a GPU, False for times on the processor.
        anywhere: True for the slowest time on any machine.
    """
    seconds: dict[Pace, list[float]] = {}
    for path in results.glob(f"*/*/*/*/seed*/{RUN}"):
        record, _ = RunRecord.read(path)
        if record is None or record.training is None or record.provenance is None:
            continue
        run, training = record.run, record.training
        here = _made_here(record.provenance.hardware, gpu, anywhere)
        if here and training.seconds_per_iteration and training.image_size:
            pace = Pace(
                run.detector or "",
                run.backbone,
                run.preset or "",
                _size(training.image_size),
                training.batch_size or 0,
                *_sharing(training),
            )
            seconds.setdefault(pace, []).append(float(training.seconds_per_iteration))
    for path in results.glob(f"*/{COST}"):
        cost, _ = CostRecord.read(path)
        if cost is not None and _made_here(cost.hardware, gpu, anywhere):
            for pace, value in _of_cost(cost):
                seconds.setdefault(pace, []).append(value)
    return {pace: (max if anywhere else median)(values) for pace, values in seconds.items()}


def _of_cost(record: CostRecord) -> Iterable[tuple[Pace, float]]:
    settings = record.settings
    for row in record.rows:
        detector, _, backbone = row.detector.partition("@")
        size, batch = _size(settings.image_size or 0), settings.batch_size or 0
        yield Pace(detector, backbone, settings.preset or "", size, batch), float(row.iteration_s)


def _made_here(hardware: Mapping[str, Any] | None, gpu: bool, anywhere: bool) -> bool:
    if not hardware or str(hardware.get("device", "")).startswith("cuda") != gpu:
        return False
    return anywhere or (hardware.get("cpu"), hardware.get("cores")) == (
        processor_name(),
        os.cpu_count(),
    )
