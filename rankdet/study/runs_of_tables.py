"""The runs that a study's tables and figures show, so that a study need not list them by hand."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from rankdet.errors import InputError
from rankdet.files import read_yaml, shown
from rankdet.papers.spec import HYPERPARAMETERS, MULTI_SCALE, Spec, Wanted
from rankdet.repository import SCHEDULES
from rankdet.strict import read
from rankdet.study import backbones, cards, compatibility, detectors, multi_scale
from rankdet.study.config.model import RunsOfTables, ScheduleChange, StudyConfig, TestSettings
from rankdet.study.runs import Run, split_loss
from rankdet.suggest import choice


@dataclass(frozen=True)
class FromTables:
    """What a study makes of its tables.

    Attributes:
        runs: The runs that they show.
        datasets: The papers' datasets to the study's.
        schedules: The papers' schedules that have runs of their own, with what they change.
        missing: What cannot be run, with the reason in one line.
    """

    runs: list[Run] = field(default_factory=list)
    datasets: Mapping[str, str] = field(default_factory=dict)
    schedules: Mapping[str, ScheduleChange] = field(default_factory=dict)
    missing: Mapping[Wanted, str] = field(default_factory=dict)

    def plan(self) -> dict[str, Any]:
        """Returns the part `papers` of a study's plan; empty if the runs are not of its tables."""
        if not self.datasets:
            return {}
        missing = [{**vars(wanted), "reason": why} for wanted, why in self.missing.items()]
        return {
            "datasets": dict(self.datasets),
            "schedules": list(self.schedules),
            "missing": missing,
        }


def runs_of_tables(config: StudyConfig, specs: Iterable[Spec], source: str) -> FromTables:
    """Returns the runs that tables and figures show, and what of them cannot be run.

    Raises:
        InputError: If the config names a schedule that no paper has.
    """
    asked = config.runs_of_tables
    if asked is None:
        return FromTables()
    schedules = _schedules(asked, f"{source}: runs_of_tables")
    runs: dict[tuple, Run] = {}
    missing: dict[Wanted, str] = {}
    specs = list(specs)
    for wanted in dict.fromkeys(wanted for spec in specs for wanted in spec.wanted):
        why = why_not(config, asked, wanted)
        if why:
            missing[wanted] = why
            continue
        for run in _runs(config, asked, schedules, wanted):
            thresholds = {t for spec in specs for t in spec.sweeps.get(wanted, ())}
            known = runs.setdefault(run.identity, run)
            swept = tuple(sorted({*known.score_thresholds, *thresholds}))
            tests = known.test_variants
            if any(wanted in spec.multi_scale for spec in specs) and not _masks(config, run):
                tests = ((MULTI_SCALE, multi_scale.multi_scale(config, run)),)
            runs[run.identity] = replace(known, score_thresholds=swept, test_variants=tests)
    return FromTables(list(runs.values()), asked.datasets, schedules, missing)


def why_not(config: StudyConfig, asked: RunsOfTables, wanted: Wanted) -> str | None:
    """Returns why a study cannot run what a cell shows, in one line; None if it can."""
    data = asked.datasets.get(wanted.dataset)
    if data is None:
        return f"this study has no data in the place of {wanted.dataset}"
    if wanted.detector not in detectors.detector_names():
        return f"detector {wanted.detector!r} is not in this benchmark yet"
    name, variant = split_loss(wanted.loss)
    if name not in cards.loss_names():
        return f"loss {name!r} is not in this benchmark yet"
    known = backbones.backbone_names()
    for part in filter(None, wanted.backbone.split("+")):
        if part not in known:
            return f"backbone {part!r} is not in this benchmark yet"
    try:
        if wanted.backbone:
            backbones.load_backbone(wanted.backbone, config.preset)
        detector = detectors.load_detector(wanted.detector, config.preset)
        card = cards.load_loss(name).variant(variant)
    except InputError as error:
        return str(error).partition("; ")[0]
    if detector.get("masks") and not getattr(config.datasets[data], "masks", True):
        return f"detector {wanted.detector!r} needs masks, which dataset {data!r} has not"
    return compatibility.objection(detector, name, variant, card)


def _masks(config: StudyConfig, run: Run) -> bool:
    return bool(detectors.load_detector(run.detector, config.preset).get("masks"))


def hyperparameters(specs: Iterable[Spec]) -> dict[str, list[str]]:
    """Returns what the cards of the losses declare that tables count hyperparameters of."""
    rows = (row for spec in specs if spec.exact == HYPERPARAMETERS for row in spec.rows if row.run)
    found = {}
    for loss in dict.fromkeys(row.run["loss"] for row in rows if row.run):
        name, variant = split_loss(loss)
        if name in cards.loss_names():
            with suppress(InputError):
                found[loss] = list(
                    cards.load_loss(name).variant(variant).get("hyperparameters", [])
                )
    return found


def _runs(
    config: StudyConfig,
    asked: RunsOfTables,
    schedules: Mapping[str, ScheduleChange],
    wanted: Wanted,
) -> Iterator[Run]:
    named = wanted.schedule if wanted.schedule in schedules else ""
    known = published_schedules()
    tests = {n: entry.test for n, entry in known.items() if asked.schedules == "papers"}
    change = schedules.get(named, ScheduleChange())
    if wanted.epoch:  # a fraction, so that it means something in a shorter schedule too
        length = known[wanted.schedule].epochs or int(wanted.epoch)
        change = change.model_copy(update={"stop_after": int(wanted.epoch) / length})
    for seed in asked.seeds:
        yield Run(
            dataset=asked.datasets[wanted.dataset],
            detector=wanted.detector,
            loss=wanted.loss,
            seed=seed,
            splits=tuple(config.splits),
            schedule=change,
            test=tests.get(named, TestSettings()),
            schedule_name=named,
            backbone=wanted.backbone,
            epoch=wanted.epoch,
        )


def _schedules(asked: RunsOfTables, where: str) -> dict[str, ScheduleChange]:
    known = published_schedules()
    if asked.schedules == "papers":
        return {name: entry.schedule for name, entry in known.items()}
    for name in asked.schedules:
        if name not in known:
            raise InputError(f"{where}.schedules: found {name!r}; {choice(name, known)}")
    return dict(asked.schedules)


class Published(ScheduleChange):
    """How a paper trained and tested."""

    title: str
    test: TestSettings = TestSettings()

    @property
    def schedule(self) -> ScheduleChange:
        """The training alone."""
        return ScheduleChange(**self.model_dump(exclude={"title", "test"}))


@lru_cache
def published_schedules() -> dict[str, Published]:
    """Returns how the papers trained, by name.

    Raises:
        InputError: If the file has a fault.
    """
    entries = read_yaml(SCHEDULES).items()
    return {name: read(Published, e, f"{shown(SCHEDULES)}: {name}") for name, e in entries}
