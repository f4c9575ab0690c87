"""The runs that a study's tables and figures show: a study can name tables instead of runs."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from rankdet.errors import InputError
from rankdet.files import shown
from rankdet.papers.spec import MULTI_SCALE, RunRequest, Spec
from rankdet.repository import SCHEDULES
from rankdet.study.config.groups import RunsOfTables
from rankdet.study.config.model import StudyConfig
from rankdet.study.config.schedule import ScheduleChange, TestSettings
from rankdet.study.model import Model, load_model
from rankdet.study.multi_scale import multi_scale_test
from rankdet.study.published import published_schedules
from rankdet.study.recipes import Case
from rankdet.study.runs import Run
from rankdet.suggest import choice


@dataclass(frozen=True)
class FromTables:
    """The runs for a study's tables.

    Attributes:
        runs: The runs that they show.
        datasets: The papers' datasets to the study's.
        schedules: The papers' schedules that have separate runs, with their changes.
        missing: What cannot be run, with the reason in one line.
    """

    runs: list[Run] = field(default_factory=list)
    datasets: Mapping[str, str] = field(default_factory=dict)
    schedules: Mapping[str, ScheduleChange] = field(default_factory=dict)
    missing: Mapping[RunRequest, str] = field(default_factory=dict)

    def plan(self) -> dict[str, Any]:
        """Returns the part `papers` of a study's plan; empty without `runs_of_tables`."""
        if not self.datasets:
            return {}
        missing = [{**vars(request), "reason": why} for request, why in self.missing.items()]
        return {
            "datasets": dict(self.datasets),
            "schedules": list(self.schedules),
            "missing": missing,
        }


def runs_of_tables(config: StudyConfig, specs: Iterable[Spec], source: str) -> FromTables:
    """Returns the runs that tables and figures show, and the requests that cannot be run.

    Raises:
        InputError: If the config names a schedule that no paper has.
    """
    chosen = config.runs_of_tables
    if chosen is None:
        return FromTables()
    schedules = _schedules(chosen, f"{source}: runs_of_tables")
    runs: dict[tuple, Run] = {}
    missing: dict[RunRequest, str] = {}
    specs = list(specs)
    for request in dict.fromkeys(request for spec in specs for request in spec.requests):
        try:
            model = _model(config, chosen, request)
        except InputError as error:
            missing[request] = str(error).partition("; ")[0]
            continue
        for run in _runs(config, chosen, schedules, request):
            thresholds = {t for spec in specs for t in spec.sweeps.get(request, ())}
            known = runs.setdefault(run.identity, run)
            swept = tuple(sorted({*known.score_thresholds, *thresholds}))
            tests = known.test_variants
            if not model.predicts_masks and any(request in spec.multi_scale for spec in specs):
                tests = ((MULTI_SCALE, multi_scale_test(config, run)),)
            runs[run.identity] = replace(known, score_thresholds=swept, test_variants=tests)
    return FromTables(list(runs.values()), chosen.datasets, schedules, missing)


def _model(config: StudyConfig, chosen: RunsOfTables, request: RunRequest) -> Model:
    """The model of a cell; an InputError gives the reason why the study cannot run it."""
    data = chosen.datasets.get(request.dataset)
    if data is None:
        raise InputError(f"this study maps no dataset to the paper's {request.dataset!r}")
    if request.schedule and request.schedule not in published_schedules():
        raise InputError(f"schedule {request.schedule!r} is not in {shown(SCHEDULES)}")
    model = load_model(request.detector, request.backbone, request.loss, config.preset)
    if model.predicts_masks and not getattr(config.datasets[data], "masks", True):
        raise InputError(
            f"detector {request.detector!r} needs masks, which dataset {data!r} does not have"
        )
    return model


def _runs(
    config: StudyConfig,
    chosen: RunsOfTables,
    schedules: Mapping[str, ScheduleChange],
    request: RunRequest,
) -> Iterator[Run]:
    named = request.schedule if request.schedule in schedules else ""
    known = published_schedules()
    tests = {n: entry.test for n, entry in known.items() if chosen.schedules == "papers"}
    change = schedules.get(named, ScheduleChange())
    cases: tuple[Case, ...] = ()
    if chosen.schedules == "papers" and config.preset == "full" and named:
        about = (request.detector, request.loss, request.backbone)
        cases = tuple(case for case in known[named].cases if case.applies(*about))
    for seed in chosen.seeds:
        yield Run(
            dataset=chosen.datasets[request.dataset],
            detector=request.detector,
            loss=request.loss,
            seed=seed,
            splits=tuple(config.splits),
            schedule_change=change,
            test_change=tests.get(named, TestSettings()),
            schedule_name=named,
            backbone=request.backbone,
            cases=cases,
        )


def _schedules(chosen: RunsOfTables, where: str) -> dict[str, ScheduleChange]:
    known = published_schedules()
    if chosen.schedules == "papers":
        return {name: entry.schedule for name, entry in known.items()}
    for name in chosen.schedules:
        if name not in known:
            raise InputError(f"{where}.schedules: found {name!r}; {choice(name, known)}")
    return dict(chosen.schedules)
