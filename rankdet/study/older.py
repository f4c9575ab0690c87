"""What of a study's results is older than its plan, or was edited: data, detections and metrics."""

from collections.abc import Iterator
from pathlib import Path

from rankdet.results import layout
from rankdet.results.older import Older, older_evaluation
from rankdet.results.schemas.dataset import DatasetManifest
from rankdet.results.staleness import older_data, stale_file
from rankdet.study.data import made_of
from rankdet.study.plan import Study
from rankdet.study.plan_entries import planned_hashes
from rankdet.study.resolved_run import ResolvedRun


def older_dataset(study: Study, name: str) -> Older | None:
    """Returns why a dataset has to be prepared again, by its manifest; None if it need not be.

    Args:
        study: The study.
        name: One of its datasets.
    """
    path = Path(study.folder) / name / layout.DATASET
    manifest, _ = DatasetManifest.read(path)
    why = older_data(manifest, made_of(study.config, name), study.data_files(name))
    return Older(path, f"{why} changed") if why else None


def older_evaluations(study: Study, run: ResolvedRun) -> list[Older]:
    """Returns the detections and metrics of a run that have to be made again.

    Args:
        study: The study.
        run: One of its runs.
    """
    folder, planned = Path(study.folder) / run.key, planned_hashes(run)
    found = (older_evaluation(folder / name, planned) for name in _folders(run))
    return [older for older in found if older]


def older_results(study: Study) -> list[Older]:
    """Returns what has to be made again although its training is that of the plan."""
    data = {name: older for name in study.datasets if (older := older_dataset(study, name))}
    found = list(data.values())
    for run in study.runs:
        folder = Path(study.folder) / run.key
        if run.dataset not in data and not stale_file(folder, planned_hashes(run)):
            found += older_evaluations(study, run)
    return found


def _folders(run: ResolvedRun) -> Iterator[str]:
    """The folders with detections, below that of a run."""
    yield ""
    yield from map(layout.split_folder, run.splits[1:])
    yield from (layout.variant_folder(name) for name, _ in run.test_variants)
    yield from map(layout.threshold_folder, run.score_thresholds)
    yield from (layout.epoch_folder(kept.name) for kept in run.kept_epochs)
