"""The papers' tables and figures that a study asks for, and the runs that they show."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import yaml

from rankdet.errors import InputError
from rankdet.errors import InputError as AnalysisInputError
from rankdet.files import shown
from rankdet.papers.load import load_spec, reading_order
from rankdet.papers.spec import Spec, Wanted
from rankdet.repository import PAPERS, ROOT
from rankdet.study.runs import Run, same_loss
from rankdet.suggest import choice


@dataclass(frozen=True)
class Target:
    """One table or figure by a name that a person types, `table_alrp_2`, and the file it makes."""

    name: str
    file: str

    @classmethod
    def of(cls, paper_name: str, file: str) -> "Target":
        """Returns the target of a specification: `alrp/table2` is `table_alrp_2`."""
        paper, stem = paper_name.split("/")
        kind = next((kind for kind in ("table", "figure") if stem.startswith(kind)), "table")
        return cls("_".join([kind, *paper.split("-"), stem.removeprefix(kind)]), file)


def paper_names() -> list[str]:
    """Returns every table and figure that has a file, as `<paper>/<table>`."""
    files = PAPERS.glob("*/*.yaml")
    names = (path.relative_to(PAPERS).with_suffix("").as_posix() for path in files)
    return sorted(names, key=reading_order)


def load_papers(names: Iterable[str], kind: str, source: str) -> dict[str, Spec]:
    """Reads the specifications of a study's `tables` or `figures`.

    Args:
        names: Names; that of a paper stands for all of its tables (figures), `all` for all papers'.
        kind: `tables` or `figures`.
        source: The config file's name, for messages.

    Raises:
        InputError: If one is unknown, faulty, or of the other kind.
    """
    known = paper_names()
    papers = list(dict.fromkeys(name.split("/")[0] for name in known))
    specs = {}
    for index, name in enumerate(names):
        where = f"{source}: {kind}[{index}]"
        if name in ("all", *papers):
            every = [n for n in known if name in ("all", n.split("/")[0])]
            specs |= {n: spec for n in every if f"{(spec := _load(n)).kind}s" == kind}
            continue
        if name not in known:
            raise InputError(f"{where}: found {name!r}; {choice(name, ['all', *papers, *known])}")
        specs[name] = _load(name)
        if f"{specs[name].kind}s" != kind:
            raise InputError(f"{where}: {name} is a {specs[name].kind}: list it there")
    return specs


def _load(name: str) -> Spec:
    try:
        return load_spec(PAPERS / f"{name}.yaml")
    except AnalysisInputError as error:
        raise InputError(str(error)) from None


def spec_files(name: str) -> list[str]:
    """Returns the files that a table or figure is specified by: its YAML and published values."""
    path = PAPERS / f"{name}.yaml"
    published = yaml.safe_load(path.read_text(encoding="utf-8")).get("published")
    files = [path, *([ROOT / published] if published else [])]
    return [shown(file) for file in files]


def runs_of(
    spec: Spec,
    runs: Iterable[Run],
    schedules: Collection[str] = (),
    datasets: Mapping[str, str] | None = None,
) -> list[Run]:
    """Returns the planned runs that a table or figure shows.

    Args:
        spec: The table or figure.
        runs: All runs of a study.
        schedules: The papers' schedules that the study has runs of their own for.
        datasets: The papers' datasets and what stands for each in the study; none where all its
            runs are listed by hand (see `Spec.takes_in`), and every dataset shows every row.
    """
    datasets = datasets or {}
    places = set(datasets.values())
    wanted = {(datasets.get(w.dataset), _model(w, schedules)) for w in spec.wanted}
    models = {model for _, model in wanted}
    found = []
    for run in runs:
        model = (run.detector, run.backbone, same_loss(run.loss), run.schedule_name, run.epoch)
        shown_there = (run.dataset, model) in wanted if run.dataset in places else model in models
        taken_in = not datasets and not run.untrained and spec.takes_in(run.detector, run.backbone)
        if shown_there or taken_in:
            found.append(run)
    return found


def _model(wanted: Wanted, schedules: Collection[str]) -> tuple:
    """What is trained and how, whatever the data; a schedule counts if the study tells it apart."""
    schedule = wanted.schedule if wanted.schedule in schedules else ""
    loss = same_loss(wanted.loss)
    return (wanted.detector, wanted.backbone, loss, schedule, wanted.epoch)
