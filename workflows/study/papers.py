"""The papers' tables and figures that a study asks for, and the runs that they show."""

from collections.abc import Collection, Iterable

import yaml

from analysis.errors import InputError as AnalysisInputError
from analysis.papers import load_spec
from analysis.papers_model import Spec
from rankdet.errors import InputError
from workflows.study.places import PAPERS, ROOT, shown
from workflows.study.runs import Run, same_loss
from workflows.study.words import choice


def paper_names() -> list[str]:
    """Returns every table and figure that has a file, as `<paper>/<table>`."""
    files = PAPERS.glob("*/*.yaml")
    return sorted(path.relative_to(PAPERS).with_suffix("").as_posix() for path in files)


def load_papers(names: Iterable[str], kind: str, source: str) -> dict[str, Spec]:
    """Reads the specifications of a study's `tables` or `figures`.

    Raises:
        InputError: If one is unknown, faulty, or of the other kind.
    """
    known = paper_names()
    specs = {}
    for index, name in enumerate(names):
        where = f"{source}: {kind}[{index}]"
        if name not in known:
            raise InputError(f"{where}: found {name!r}; {choice(name, known)}")
        try:
            specs[name] = load_spec(PAPERS / f"{name}.yaml")
        except AnalysisInputError as error:
            raise InputError(str(error)) from None
        if f"{specs[name].kind}s" != kind:
            raise InputError(f"{where}: {name} is a {specs[name].kind}: list it there")
    return specs


def spec_files(name: str) -> list[str]:
    """Returns the files that a table or figure is specified by: its YAML and published values."""
    path = PAPERS / f"{name}.yaml"
    published = yaml.safe_load(path.read_text(encoding="utf-8")).get("published")
    files = [path, *([ROOT / published] if published else [])]
    return [shown(file) for file in files]


def runs_of(spec: Spec, runs: Iterable[Run], schedules: Collection[str] = ()) -> list[Run]:
    """Returns the planned runs that a table or figure shows.

    Args:
        spec: The table or figure.
        runs: All runs of a study.
        schedules: The papers' schedules that the study has runs of their own for.
    """
    wanted = {_key(w.detector, w.loss, w.schedule, schedules) for w in spec.wanted}
    return [
        run
        for run in runs
        if _key(run.detector, run.loss, run.schedule_name, schedules) in wanted
        or (spec.other_runs and not run.untrained)
    ]


def _key(detector: str, loss: str, schedule: str, known: Collection[str]) -> tuple:
    return detector, same_loss(loss), schedule if schedule in known else ""
