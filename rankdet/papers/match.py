"""Finds the runs of a study that a paper's rows show.

If a study takes its runs from the tables, its plan has a part `papers`: its dataset for each of the
papers' datasets, the papers' schedules that have separate runs, and the runs that it cannot make,
with the reasons.
"""

from rankdet.papers.epochs import kept_epoch, schedule_in_study
from rankdet.papers.spec import MULTI_SCALE, Row, RunRequest, Spec, threshold
from rankdet.results.epochs import at_epoch
from rankdet.results.recorded_run import RecordedRun
from rankdet.results.records import RecordedStudy

NOT_IN_STUDY = "not in this study"


def rows_on(study: RecordedStudy, spec: Spec, dataset: str) -> list[Row]:
    """The rows that belong to one of the study's datasets.

    In a study without a mapping of datasets, every dataset shows every row.
    """
    datasets = study.papers.get("datasets") or {}
    if dataset not in datasets.values():
        return list(spec.rows)
    # A row on data that the study does not map is shown with the other rows, with the reason.
    others = [d for row in spec.rows for d in _datasets(spec, row) if d in datasets]
    home = datasets[others[0]] if others else next(iter(datasets.values()))
    return [
        row
        for row in spec.rows
        if dataset in {datasets.get(d, home) for d in _datasets(spec, row)}
        or (row.run is None and dataset == home)
    ]


def _datasets(spec: Spec, row: Row) -> list[str]:
    cells = [row.request(column) for column in (*spec.columns, None)]
    return [request.dataset for request in cells if request]


def find_runs(
    study: RecordedStudy, dataset: str, request: RunRequest, view: str = ""
) -> list[RecordedRun]:
    """The runs of all seeds on one of the study's datasets; the variants may be in any order.

    A paper's schedule that the study does not distinguish means the study's schedule. A request
    with an epoch finds the runs of the whole schedule as they were after that epoch. The result is
    empty if the study does not map the requested data to this dataset.

    If only some of the seeds keep the epoch, or are tested as the view needs it, these are found: a
    study may measure on the way, or at further score thresholds, with fewer seeds.

    Args:
        study: the study.
        dataset: one of its datasets.
        request: the run of a cell in the paper's terms.
        view: the view of the cell.

    Raises:
        InputError: The request's epoch is not on the way of its schedule.
    """
    datasets = study.papers.get("datasets") or {}
    if dataset in datasets.values() and datasets.get(request.dataset) != dataset:
        return []
    name, *variants = request.loss.split("+")
    schedule = schedule_in_study(request.schedule, study.papers.get("schedules") or ())
    epoch = kept_epoch(request)
    found = [
        run
        for run in study.runs
        if not run.imported
        and (run.dataset, run.detector, run.loss) == (dataset, request.detector, name)
        and (run.backbone, run.schedule) == (request.backbone, schedule)
        and set(filter(None, run.variant.split("+"))) == set(variants)
    ]
    if epoch:
        kept = [run for run in found if epoch.name in run.kept_epochs]
        return [at_epoch(run, epoch.name) for run in kept or found]
    return [run for run in found if _planned(run, view)] or found


def _planned(run: RecordedRun, view: str) -> bool:
    """Whether the study tests a run as a view needs it."""
    lowest = threshold(view)
    if view == f"{MULTI_SCALE} test":
        return MULTI_SCALE in run.test_variants
    return lowest is None or lowest in run.score_thresholds


def why_missing(study: RecordedStudy, request: RunRequest) -> str:
    """Why a study does not have a run, in one line."""
    for entry in study.papers.get("missing") or ():
        if RunRequest(**{k: v for k, v in entry.items() if k != "reason"}) == request:
            return str(entry["reason"])
    return NOT_IN_STUDY
