"""Names of stored pages: each is a hash of all that a page shows.

That is the files of its runs by time and size, their entries in the plan, the data, the images,
and the code.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from rankdet import charts, evaluation, papers, report, results
from rankdet.files import open_regular
from rankdet.papers.folders import figure_kinds
from rankdet.papers.loss_looks import loss_looks
from rankdet.report.page_store import Stamp
from rankdet.repository import TEMPLATES
from rankdet.results import layout
from rankdet.results.recorded_run import RecordedRun
from rankdet.results.records import RecordedStudy
from rankdet.results.schemas.plan import Plan

OF_AN_EVALUATION = (
    *(layout.METRICS, layout.SPEED, layout.MATCHES, layout.DETECTIONS, layout.SHOWN),
)
OF_A_RUN = (layout.RUN, layout.TRAINING, layout.SWEEP)


def stamps_of_records(plan_path: str | Path) -> dict[str, Stamp]:
    """Returns the stamps of all files that reading a study reads; it is read after this.

    A file may be replaced while the study is read. Then its old content must not be stored under
    the name of the new one.
    """
    path = Path(plan_path)
    plan, _ = Plan.read(path)
    if plan is None:
        return {}
    folder = path.resolve().parent
    files = [folder / one.name / layout.DATASET for one in plan.datasets]
    for run in plan.runs:
        own = folder / run.key
        files += [own / layout.RUN, own / layout.METRICS, layout.failure_file(own)]
        files += [own / layout.split_folder(one) / layout.METRICS for one in run.splits[1:]]
    return {str(file): stamp(file) for file in files}


class PageKeys:
    """The names of a study's pages in the store.

    All files are looked at when it is made, which must be before a page is made.

    Args:
        study: the study.
        before: what `stamps_of_records` returned before the study was read.
    """

    def __init__(self, study: RecordedStudy, before: Mapping[str, Stamp]) -> None:
        self._study, self._looks, self._before = study, loss_looks(study), before
        self._data: dict[tuple[str, str], list[Stamp]] = {}
        # The state of a run, which its own page and its comparison share.
        self._runs = {run.key: _digest([*self._state(run)]) for run in study.runs}

    def of_runs(self, what: str, runs: Sequence[RecordedRun], shown: Iterable[Any]) -> str:
        """Returns the name of a page, or of a part of one, that shows some runs.

        Args:
            what: what it is; two kinds of pages never share a name.
            runs: the runs.
            shown: what else it says or shows, JSON-serialisable: names of pages that it links to,
                stamps of images.
        """
        states = [self._runs[run.key] for run in runs]
        return _digest([what, self._study.name, states, list(shown), _code()])

    def _stamp(self, path: Path) -> Stamp:
        return self._before[str(path)] if str(path) in self._before else stamp(path)

    def _state(self, run: RecordedRun) -> Iterable[Any]:
        tests = [run.folder / layout.variant_folder(name) for name in run.test_variants]
        epochs = [run.folder / layout.epoch_folder(name) for name in run.kept_epochs]
        evaluated = [*(one.folder for one in run.evaluations), *tests, *epochs]
        files = [folder / name for folder in evaluated for name in OF_AN_EVALUATION]
        files += [folder / name for folder in (run.folder, *epochs) for name in OF_A_RUN]
        yield run.planned.to_dict()
        yield [run.status, run.reason, self._looks[run.full_loss]]
        yield [*map(self._stamp, files), self._stamp(layout.failure_file(run.folder))]
        for split in dict.fromkeys(one.split for one in run.evaluations):
            yield self._of_data(run.dataset, split)

    def _of_data(self, dataset: str, split: str) -> list[Stamp]:
        if (dataset, split) not in self._data:
            files = [self._study.folder / dataset / layout.DATASET]
            manifest = self._study.manifests.get(dataset)
            described = manifest.splits.get(split) if manifest else None
            if described is not None:
                files.append(self._study.resolve(described.annotations))
            self._data[dataset, split] = [*map(self._stamp, files)]
        return self._data[dataset, split]


def stamp(path: Path) -> Stamp:
    """Returns what changes when a file does; None if there is no such file or it cannot be read."""
    try:
        # A file that cannot be read for a moment must not be stored as missing for ever.
        with open_regular(path) as file:
            found = os.fstat(file.fileno())
            file.read(1)
    except OSError:
        return None
    return str(path), found.st_mtime_ns, found.st_size


def _digest(values: Sequence[Any]) -> str:
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:32]


@cache
def _code() -> str:
    """Returns the hash of all that makes a page: modules, kinds of figures and templates."""
    packages = (report, charts, evaluation, papers, results)
    folders = [Path(str(one.__file__)).parent for one in packages]
    files = [path for folder in folders for path in sorted(folder.rglob("*.py"))]
    files += [*figure_kinds().values(), *sorted(TEMPLATES.iterdir())]
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
