"""The papers' tables and figures of a study, and the runs that they show."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from rankdet.errors import InputError
from rankdet.files import shown
from rankdet.papers.epochs import schedule_in_study
from rankdet.papers.folders import figure_kinds, load_papers, spec_names
from rankdet.papers.load import code_file, load_spec, spec_inputs
from rankdet.papers.spec import RunRequest, Spec
from rankdet.repository import paper_file
from rankdet.study import backbones, cards, detectors, hashes
from rankdet.study.runs import UNTRAINED, Run, same_loss, split_loss
from rankdet.suggest import choice

AnyRun = TypeVar("AnyRun", bound=Run)


@dataclass(frozen=True)
class Target:
    """A table or figure as a target of Snakemake, `table_alrp_2`, and the file that it makes."""

    name: str
    file: str

    @classmethod
    def of(cls, paper_name: str, file: str) -> "Target":
        """Returns the target of a specification: `alrp/table2` is `table_alrp_2`."""
        paper, stem = paper_name.split("/")
        kind = next((kind for kind in ("table", "figure") if stem.startswith(kind)), "table")
        return cls("_".join([kind, *paper.split("-"), stem.removeprefix(kind).lstrip("_")]), file)


def load_specs(names: Iterable[str], kind: str, source: str) -> dict[str, Spec]:
    """Reads the specifications of a study's `tables` or `figures`.

    Args:
        names: `<paper>/<table>`, a paper for all of its tables (figures), or `all` for those of
            every paper whose `paper.yaml` does not say `in_all: false`.
        kind: `tables` or `figures`.
        source: The config file's name, for messages.

    Raises:
        InputError: If one is unknown, faulty, or of the other kind.
    """
    known = spec_names()
    papers = list(dict.fromkeys(name.split("/")[0] for name in known))
    specs: dict[str, Spec] = {}
    for index, name in enumerate(names):
        where = f"{source}: {kind}[{index}]"
        if name in ("all", *papers):
            every = (_load(n) for n in known if _is_in(name, n.split("/")[0]))
            specs |= {spec.id: spec for spec in every if f"{spec.kind}s" == kind}
            continue
        if name not in known:
            raise InputError(f"{where}: found {name!r}; {choice(name, ['all', *papers, *known])}")
        specs[name] = _load(name)
        other = f"{specs[name].kind}s"
        if other != kind:
            raise InputError(f"{where}: {name} is not one of the {kind}; list it in {other}")
    return specs


def _is_in(name: str, paper: str) -> bool:
    """Whether `all`, or the name of a paper, stands for the tables of a paper."""
    return name == paper or (name == "all" and load_papers()[paper].in_all)


def _load(name: str) -> Spec:
    path = paper_file(name)
    spec = load_spec(path)
    for request in dict.fromkeys(spec.requests):
        check_names(request, shown(path))
    return spec


def check_names(request: RunRequest, where: str) -> None:
    """Checks that the loss, the detector and the backbone of a cell exist.

    A cell of an unknown loss would have no run: a typo would make a table smaller without a
    warning.

    Raises:
        InputError: For a name that no file has.
    """
    where = f"{where}: run of {request.detector!r} with {request.loss!r}"
    known = detectors.detector_names()
    if request.detector not in known:
        raise InputError(f"{where}: unknown detector; {choice(request.detector, known)}")
    entries = backbones.backbone_names()
    for part in request.backbone.split("+") if request.backbone else []:
        if part not in entries:
            raise InputError(f"{where}: unknown backbone {part!r}; {choice(part, entries)}")
    name, variant = split_loss(request.loss)
    if name == UNTRAINED:
        return
    try:
        cards.load_loss(name).variant(variant)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def spec_files(name: str) -> list[str]:
    """Returns the files that a table or figure is specified by, its YAML first."""
    return [shown(file) for file in spec_inputs(paper_file(name))]


def made_of(step: str, name: str) -> str:
    """Returns the hash of the code that makes a table or figure.

    Args:
        step: `tables` or `figures`.
        name: `<paper>/<table>`.
    """
    spec = _load(name)
    files = [figure_kinds()[spec.figure]] if spec.figure else []
    code = code_file(paper_file(name), spec.computed_by)
    files += [code] if code else []
    return hashes.digest(hashes.step_hash(step), hashes.files_hash(files))


def runs_of(
    spec: Spec,
    runs: Iterable[AnyRun],
    schedules: Collection[str] = (),
    datasets: Mapping[str, str] | None = None,
) -> list[AnyRun]:
    """Returns the planned runs that a table or figure shows.

    Args:
        spec: The table or figure.
        runs: All runs of a study.
        schedules: The papers' schedules for which the study has separate runs.
        datasets: The papers' datasets to the study's. Empty if all runs are listed in `runs`: the
            table then has every row for every dataset.
    """
    datasets = datasets or {}
    found = []
    for run in runs:
        in_rows = any(asks_for(one, run, schedules, datasets) for one in spec.requests)
        by_hand = not datasets and not run.untrained
        if in_rows or (by_hand and spec.shows_other_losses_of(run.detector, run.backbone)):
            found.append(run)
    return found


def run_of(
    request: RunRequest,
    runs: Iterable[AnyRun],
    schedules: Collection[str] = (),
    datasets: Mapping[str, str] | None = None,
) -> AnyRun | None:
    """Returns the first planned run that a cell asks for; None if there is none.

    Args:
        request: The cell's run in the paper's terms.
        runs: All runs of a study.
        schedules: As in `runs_of`.
        datasets: As in `runs_of`.
    """
    for run in runs:
        if _same_model(request, run, schedules) and (
            not datasets or run.dataset == datasets.get(request.dataset)
        ):
            return run
    return None


def asks_for(
    request: RunRequest, run: Run, schedules: Collection[str], datasets: Mapping[str, str]
) -> bool:
    """Returns whether a cell shows a run, at the end of its training or at an epoch on the way.

    Args:
        request: The cell's run in the paper's terms.
        run: The run.
        schedules: As in `runs_of`.
        datasets: As in `runs_of`.
    """
    elsewhere = run.dataset in datasets.values() and run.dataset != datasets.get(request.dataset)
    return not elsewhere and _same_model(request, run, schedules)


def _same_model(request: RunRequest, run: Run, schedules: Collection[str]) -> bool:
    """Whether model, loss and schedule are equal; see `schedule_in_study`."""
    schedule = schedule_in_study(request.schedule, schedules)
    wanted = (request.detector, request.backbone, schedule)
    same = (run.detector, run.backbone, run.schedule_name) == wanted
    return same and same_loss(run.loss) == same_loss(request.loss)
