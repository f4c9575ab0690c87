"""Names of stored pages: each is a hash of all that a page shows.

That is the files of its runs by time and size, their entries in the plan, the data, the images,
and the code.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from rankdet import charts, evaluation, papers, report, results
from rankdet.papers.folders import figure_kinds
from rankdet.papers.loss_looks import loss_looks
from rankdet.report.page_store import Stamp
from rankdet.repository import TEMPLATES
from rankdet.results import layout
from rankdet.results.recorded_run import RecordedRun
from rankdet.results.records import RecordedStudy

OF_AN_EVALUATION = (layout.METRICS, layout.SPEED, layout.MATCHES, layout.DETECTIONS)
OF_A_RUN = (layout.RUN, layout.TRAINING, layout.SWEEP)


class PageKeys:
    """The names of a study's pages in the store.

    Args:
        study: the study.
    """

    def __init__(self, study: RecordedStudy) -> None:
        self._study, self._looks = study, loss_looks(study)
        self._runs: dict[str, str] = {}
        self._data: dict[tuple[str, str], list[Stamp]] = {}

    def of_runs(self, what: str, runs: Sequence[RecordedRun], shown: Iterable[Any]) -> str:
        """Returns the name of a page, or of a part of one, that shows some runs.

        Args:
            what: what it is; two kinds of pages never share a name.
            runs: the runs.
            shown: what else it says or shows, JSON-serialisable: names of pages that it links to,
                stamps of images.
        """
        return _digest([what, self._study.name, [*map(self._run, runs)], list(shown), _code()])

    def _run(self, run: RecordedRun) -> str:
        """The state of a run, which its own page and its comparison share."""
        if run.key not in self._runs:
            self._runs[run.key] = _digest([*self._state(run)])
        return self._runs[run.key]

    def _state(self, run: RecordedRun) -> Iterable[Any]:
        tests = [run.folder / layout.variant_folder(name) for name in run.test_variants]
        epochs = [run.folder / layout.epoch_folder(name) for name in run.kept_epochs]
        evaluated = [*(one.folder for one in run.evaluations), *tests, *epochs]
        files = [folder / name for folder in evaluated for name in OF_AN_EVALUATION]
        files += [folder / name for folder in (run.folder, *epochs) for name in OF_A_RUN]
        yield run.planned.to_dict()
        yield [run.status, run.reason, self._looks[run.full_loss]]
        yield [*map(stamp, files), stamp(layout.failure_file(run.folder))]
        for split in dict.fromkeys(one.split for one in run.evaluations):
            yield self._of_data(run.dataset, split)

    def _of_data(self, dataset: str, split: str) -> list[Stamp]:
        if (dataset, split) not in self._data:
            files = [self._study.folder / dataset / layout.DATASET]
            manifest = self._study.manifests.get(dataset)
            described = manifest.splits.get(split) if manifest else None
            if described is not None:
                files.append(self._study.resolve(described.annotations))
            self._data[dataset, split] = [*map(stamp, files)]
        return self._data[dataset, split]


def stamp(path: Path) -> Stamp:
    """Returns what changes when a file does; None if there is no such file or it cannot be read."""
    try:
        found = path.stat()
        with path.open("rb") as file:  # what could not be read for a moment is not stored for ever
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
