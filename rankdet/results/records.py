"""A study on disk: its plan and the records of its runs.

A run that failed, diverged or never started is read too. It has a status and a reason instead of
numbers, so that no run is dropped and no run stops the report.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from rankdet.errors import InputError
from rankdet.repository import ROOT, use_places
from rankdet.results.layout import DATASET, IMPORT, IMPORTS, split_folder
from rankdet.results.recorded_run import Evaluation, RecordedRun
from rankdet.results.schemas.dataset import DatasetManifest
from rankdet.results.schemas.metrics import MetricsRecord
from rankdet.results.schemas.plan import Plan, PlanDataset, PlanRun
from rankdet.results.staleness import older_data
from rankdet.results.status import STALE, read_metrics, run_status


@dataclass(frozen=True)
class RecordedStudy:
    """A study's plan with all its runs read from disk."""

    folder: Path
    plan: Plan
    runs: tuple[RecordedRun, ...] = field(repr=False)

    @property
    def name(self) -> str:
        """Its name, as in its folder."""
        return self.plan.study.name

    @property
    def title(self) -> str:
        """Its title for readers."""
        return self.plan.study.title or self.name

    @property
    def scale(self) -> str:
        """The scale of its numbers, in a sentence."""
        return self.plan.study.scale

    @cached_property
    def _read_manifests(self) -> dict[str, tuple[DatasetManifest | None, str | None]]:
        paths = {d.name: self.folder / d.name / DATASET for d in self.plan.datasets}
        return {name: DatasetManifest.read(path) for name, path in paths.items()}

    @property
    def manifests(self) -> dict[str, DatasetManifest]:
        """Dataset name to its manifest, for the datasets that have one."""
        return {name: m for name, (m, _) in self._read_manifests.items() if m is not None}

    @property
    def manifest_problems(self) -> dict[str, str]:
        """Dataset name to why its manifest cannot be used, in one line."""
        return {name: problem for name, (_, problem) in self._read_manifests.items() if problem}

    def checksum(self, dataset: str) -> str | None:
        """The checksum of a dataset; None if it has no manifest."""
        manifest = self.manifests.get(dataset)
        return manifest.checksum if manifest else None

    def dataset_title(self, dataset: str) -> str:
        """The display title of a dataset."""
        return next((d.title for d in self.plan.datasets if d.name == dataset), "") or dataset

    def datasets(self) -> list[str]:
        """Dataset names in the plan's order."""
        names = [d.name for d in self.plan.datasets]
        return list(dict.fromkeys([*names, *(r.dataset for r in self.runs)]))

    @property
    def papers(self) -> Mapping[str, Any]:
        """Which of the papers' datasets and schedules the study has; often empty."""
        return self.plan.papers or {}

    @cached_property
    def _untrained(self) -> dict[tuple[str, str, str], RecordedRun]:
        """The first untrained model of each dataset, detector and backbone."""
        every = reversed([run for run in self.runs if run.untrained])
        return {(run.dataset, run.detector, run.backbone): run for run in every}

    def untrained_for(self, run: RecordedRun) -> RecordedRun | None:
        """The untrained model of the same dataset and detector, if the study has one.

        Nobody knows how the model of imported detections began.
        """
        if run.imported:
            return None
        return self._untrained.get((run.dataset, run.detector, run.backbone))

    def resolve(self, path: str) -> Path:
        """A path of the plan or a manifest: absolute, or relative to where the study was made."""
        roots = (Path(), self.folder.parent.parent, ROOT)
        found = (root / path for root in roots if (root / path).exists())
        return next(found, Path(path))


def read_study(
    plan_path: str | Path, images: Callable[[Path], str | None] = lambda data: None
) -> RecordedStudy:
    """Reads a plan and all records of its runs.

    Runs are read from the folder of the plan (`<plan's folder>/<run key>`), so a study's folder may
    be moved. Rows of `rankdet import` whose folder was deleted are left out, as the next plan does.

    Args:
        plan_path: The file `plan.json`.
        images: Returns which images have changed, in words, from the `data/` of a dataset.

    Raises:
        InputError: The plan is missing, damaged or of another schema. A run's bad files raise
            nothing.
    """
    path = Path(plan_path)
    plan, problem = Plan.read(path)
    if plan is None:
        raise InputError(f"{path.parent}/: {problem}; run the study first, or name its plan.json")
    folder = path.resolve().parent
    use_places(plan.places or {})  # pages and tables name the papers of the user, too
    learned = float(plan.study.learned_ap50)
    data = {one.name: _older_data(folder, one, images) for one in plan.datasets}
    planned = (one for one in plan.runs if not _is_removed(folder, one))
    runs = (_load_run(folder, one, learned, data.get(one.dataset)) for one in planned)
    return RecordedStudy(folder, plan, tuple(runs))


def _is_removed(root: Path, planned: PlanRun) -> bool:
    """Whether a user has removed a row that `rankdet import` made."""
    return planned.taken and not (root / IMPORTS / planned.key / IMPORT).is_file()


def _older_data(
    root: Path, planned: PlanDataset, images: Callable[[Path], str | None]
) -> str | None:
    """Why the runs on a dataset are not shown, in one line; None if its data are the plan's."""
    manifest, _ = DatasetManifest.read(root / planned.name / DATASET)
    found = older_data(manifest, planned.made_of) or images(root / planned.name / "data")
    return f"older than its data: {found} changed; run the study again" if found else None


def _of_another_run(planned: PlanRun, metrics: MetricsRecord) -> str | None:
    """Why a run's metrics are those of another run, in one line; None if they are its own."""
    if metrics.run is None:
        return None
    for name in ("dataset", "detector", "backbone", "loss", "variant", "seed"):
        own, found = getattr(planned, name), getattr(metrics.run, name)
        if found is not None and found != own:
            return f"metrics.json is of another run ({name} {found}, not {own}); evaluate it again"
    return None


def _load_run(
    root: Path, planned: PlanRun, learned_ap50: float, other_data: str | None
) -> RecordedRun:
    folder = root / planned.key
    found = run_status(folder, learned_ap50, planned.hashes)
    if other_data and found.metrics:
        found = replace(found, status=STALE, reason=other_data, metrics=None, problem=other_data)
    if found.metrics and (other := _of_another_run(planned, found.metrics)):
        found = replace(found, status=STALE, reason=other, metrics=None, problem=other)
    main, *others = planned.splits
    evaluations = [Evaluation(main, folder, found.metrics, found.problem)]
    for split in others:
        part = folder / split_folder(split)
        stale, failed = found.status == STALE, found.failure
        read = (None, found.problem) if stale else read_metrics(part, failed, planned.hashes)
        evaluations.append(Evaluation(split, part, *read))
    return RecordedRun(
        planned=planned,
        folder=folder,
        status=found.status,
        reason=found.reason,
        record=found.record,
        evaluations=tuple(evaluations),
        failure=found.failure,
        learned_ap50=learned_ap50,
    )
