"""A study on disk: its plan, and for every run whatever it has left there, however little.

A run is read even where it failed, diverged or never started: it then carries a status and a reason
instead of numbers, so that nothing is dropped and nothing stops the report.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from rankdet.errors import InputError
from rankdet.evaluation import registry
from rankdet.files import read_record
from rankdet.repository import ROOT

PLAN_SCHEMA = "rankdet.plan/1"
METRICS_SCHEMA = "rankdet.metrics/1"

TRAINED, UNTRAINED, COLLAPSED, DIVERGED = "trained", "untrained", "collapsed", "diverged"
FAILED, NOT_EVALUATED, NOT_RUN = "failed", "not evaluated", "not run"
STATUSES = (TRAINED, UNTRAINED, COLLAPSED, DIVERGED, FAILED, NOT_EVALUATED, NOT_RUN)


@dataclass(frozen=True)
class Evaluation:
    """One run on one split: its `metrics.json`, or the reason why there is none.

    Attributes:
        split: name of the split.
        folder: where the detections, matches and metrics of this split lie.
        record: the whole of `metrics.json`; empty where there is none to use.
        reason: why `record` is empty, in one line; None where it is not.
    """

    split: str
    folder: Path
    record: Mapping[str, Any]
    reason: str | None

    @cached_property
    def speed(self) -> Mapping[str, Any]:
        """The speed of inference; empty where it is unknown or the run diverged."""
        usable = self.record and self.record.get("status") != DIVERGED
        return read_record(self.folder / "speed.json")[0] if usable else {}

    @cached_property
    def metrics(self) -> Mapping[str, float | None]:
        """Metric key to value in the record's unit, such as AP in [0, 1]; None where undefined."""
        return registry.values({**self.record, "speed": self.speed})

    @cached_property
    def mask_metrics(self) -> Mapping[str, float | None]:
        """The same for masks; empty where the detections carry none."""
        return registry.values(self.record.get("segm") or {})

    @property
    def per_class(self) -> Mapping[str, Mapping[str, Any]]:
        """Category id (as text) to that category's metrics."""
        return self.record.get("per_class") or {}

    @property
    def class_names(self) -> Mapping[str, str]:
        """Category id (as text) to its name."""
        return self.record.get("classes") or {}


@dataclass(frozen=True)
class Run:
    """One dataset × detector × loss × seed, as planned and as found on disk."""

    key: str
    folder: Path
    dataset: str
    detector: str
    loss: str
    variant: str
    seed: int
    titles: Mapping[str, str]
    untrained: bool
    status: str
    reason: str | None
    record: Mapping[str, Any]
    evaluations: tuple[Evaluation, ...]
    backbone: str = ""
    schedule: str = ""
    epoch: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    score_thresholds: tuple[float, ...] = ()
    test_variants: tuple[str, ...] = ()

    @property
    def full_loss(self) -> str:
        """The loss with its variants, as in the run's folder: `alrp+iou+no-sb`."""
        return f"{self.loss}+{self.variant}" if self.variant else self.loss

    @property
    def main(self) -> Evaluation:
        """The evaluation on the study's main split."""
        return self.evaluations[0]

    def further(self, test: str) -> Evaluation:
        """A further test of the run on the main split, by its name in the plan."""
        folder = self.folder / f"test-{test}"
        if test not in self.test_variants:
            return Evaluation(self.main.split, folder, {}, "not among this run's tests")
        return _load_evaluation(self.main.split, folder, _failure(self.folder))

    @property
    def training(self) -> Mapping[str, Any]:
        """Iterations, seconds, memory, device and the iterations it was resumed from."""
        return self.record.get("training") or {}

    @property
    def provenance(self) -> Mapping[str, Any]:
        """Commit, hashes, versions, hardware and times of the training."""
        return self.record.get("provenance") or {}

    def title(self, part: str) -> str:
        """The display title of "dataset", "detector" or "loss"."""
        fallback = {"dataset": self.dataset, "detector": self.detector, "loss": self.full_loss}
        return str(self.titles.get(part) or fallback[part])


@dataclass(frozen=True)
class Study:
    """A study's plan with all its runs read from disk."""

    name: str
    title: str
    scale: str
    folder: Path
    plan: Mapping[str, Any]
    runs: tuple[Run, ...] = field(repr=False)

    @cached_property
    def manifests(self) -> dict[str, dict[str, Any]]:
        """Dataset name to its `dataset.json`; a missing one has only `name` and `problem`."""
        return {d["name"]: self._manifest(d) for d in self.plan.get("datasets", [])}

    def _manifest(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        path = self.folder / entry["name"] / "dataset.json"
        data, problem = read_record(path)
        base = {"name": entry["name"], "title": entry.get("title") or entry["name"]}
        return {**data, **base} if problem is None else {**base, "problem": problem}

    def datasets(self) -> list[str]:
        """Dataset names in the plan's order."""
        names = [d["name"] for d in self.plan.get("datasets", [])]
        return list(dict.fromkeys([*names, *(r.dataset for r in self.runs)]))

    @property
    def papers(self) -> Mapping[str, Any]:
        """What the study makes of the papers' datasets and schedules; often nothing."""
        return self.plan.get("papers") or {}

    def untrained_for(self, run: Run) -> Run | None:
        """The untrained model of the same dataset and detector, if the study has one."""
        model = (run.dataset, run.detector, run.backbone)
        same = (r for r in self.runs if (r.dataset, r.detector, r.backbone) == model)
        return next((r for r in same if r.untrained), None)

    def resolve(self, path: str) -> Path:
        """A path of the plan or a manifest: absolute, or relative to where the study was made."""
        places = (Path(), self.folder.parent.parent, ROOT)
        found = (place / path for place in places if (place / path).exists())
        return next(found, Path(path))


def slug(text: str) -> str:
    """A file name that is safe in a path and a URL, and different for different texts."""
    plain = re.sub(r"[^A-Za-z0-9._+@-]+", "-", text).strip("-.") or "x"
    if plain == text:
        return plain
    return f"{plain[:60]}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def load_study(plan_path: str | Path) -> Study:
    """Reads a plan and everything that its runs have left on disk.

    Runs are looked for beside the plan (`<plan's folder>/<run key>`), so a study's folder may move.

    Raises:
        InputError: the plan is missing or no plan of this schema. Never for a run's own files.
    """
    path = Path(plan_path)
    plan, problem = read_record(path)
    if problem:
        raise InputError(f"{path.parent}/: {problem}; run the study first, or name its plan.json")
    if plan.get("schema") != PLAN_SCHEMA:
        raise InputError(f"{path}: schema is {plan.get('schema')!r}, expected {PLAN_SCHEMA!r}")
    try:
        return _study(path.resolve().parent, plan)
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: no whole plan ({error}); delete it and run the study") from error


def _study(folder: Path, plan: Mapping[str, Any]) -> Study:
    study = plan["study"]
    return Study(
        name=study["name"],
        title=study.get("title") or study["name"],
        scale=study.get("scale") or "",
        folder=folder,
        plan=plan,
        runs=tuple(_load_run(folder, entry) for entry in plan["runs"]),
    )


def _load_run(root: Path, entry: Mapping[str, Any]) -> Run:
    folder = root / entry["key"]
    record, problem = read_record(folder / "run.json")
    splits = entry.get("splits") or ["val"]
    places = [folder, *(folder / f"on-{split}" for split in splits[1:])]
    failure = _failure(folder)
    evaluations = tuple(
        _load_evaluation(split, place, failure) for split, place in zip(splits, places, strict=True)
    )
    status, reason = _status(folder, record, problem, evaluations[0], failure)
    return Run(
        key=entry["key"],
        folder=folder,
        dataset=entry["dataset"],
        detector=entry["detector"],
        loss=entry["loss"],
        variant=entry.get("variant") or "",
        seed=int(entry.get("seed") or 0),
        titles=entry.get("titles") or {},
        untrained=bool(entry.get("untrained")),
        status=status,
        reason=reason,
        record=record,
        evaluations=evaluations,
        backbone=entry.get("backbone") or "",
        schedule=entry.get("schedule") or "",
        epoch=entry.get("epoch") or "",
        settings=entry.get("settings") or {},
        score_thresholds=tuple(entry.get("score_thresholds") or ()),
        test_variants=tuple(entry.get("test_variants") or ()),
    )


def _failure(folder: Path) -> str | None:
    record, problem = read_record(folder / "work" / "failure.json")
    if problem:
        return None if "missing" in problem else problem
    return str(record.get("reason") or "it failed and left no reason")


def _load_evaluation(split: str, folder: Path, failure: str | None) -> Evaluation:
    record, problem = read_record(folder / "metrics.json")
    if problem is None and record.get("schema") != METRICS_SCHEMA:
        problem = f"metrics.json has schema {record.get('schema')!r}, expected {METRICS_SCHEMA!r}"
    if problem and "missing" in problem:
        problem = f"failed: {failure}" if failure else "not evaluated yet"
    return Evaluation(split, folder, {} if problem else record, problem)


def _status(
    folder: Path,
    record: Mapping[str, Any],
    problem: str | None,
    main: Evaluation,
    failure: str | None,
) -> tuple[str, str | None]:
    if problem is None and main.reason is None:
        return str(record.get("status", TRAINED)), record.get("reason")
    if failure:
        return FAILED, failure
    if problem is None:
        if record.get("status") == DIVERGED:
            return DIVERGED, record.get("reason")
        return NOT_EVALUATED, f"trained, but {main.reason}"
    if (folder / "run.json").exists():
        return FAILED, problem
    if any((folder / "work").glob("*")):
        return NOT_RUN, "started, not finished yet"
    return NOT_RUN, "not run yet"
