"""Pages of runs that were made before, because most runs do not change between two reports.

A page is stored in `<study>/pages/`. Its name depends on all that it shows: the run's files and its
entry in the plan, its data, the images that it shows, and the code. So a stored page is never out
of date.
"""

import hashlib
import json
import zlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from rankdet import charts, evaluation, report, results
from rankdet.files import atomic
from rankdet.repository import TEMPLATES
from rankdet.results import layout
from rankdet.results.records import RecordedRun, RecordedStudy

FOLDER = "pages"
OF_AN_EVALUATION = (layout.METRICS, layout.SPEED, layout.MATCHES, layout.DETECTIONS)
Stamp = tuple[str, int, int] | None  # path, time and size of a file
OF_A_RUN = (layout.RUN, layout.TRAINING, layout.SWEEP)


class PageStore:
    """The stored pages of a study.

    Args:
        study: the folder of the study; without the right to write there, nothing is stored.
    """

    def __init__(self, study: Path) -> None:
        self._folder = study / FOLDER
        self._used: set[str] = set()

    def read(self, key: str) -> dict[str, Any] | None:
        """Returns what was stored under a key; None if there is nothing that can be read."""
        self._used.add(key)
        try:
            found = json.loads(zlib.decompress((self._folder / key).read_bytes()))
        except (OSError, ValueError, zlib.error):
            return None
        return found if isinstance(found, dict) else None

    def write(self, key: str, value: Mapping[str, Any]) -> None:
        """Stores JSON-serialisable values."""
        self._used.add(key)
        with suppress(OSError):
            self._folder.mkdir(exist_ok=True)
            with atomic(self._folder / key) as temporary:
                temporary.write_bytes(zlib.compress(json.dumps(value).encode(), 1))

    def forget_others(self) -> None:
        """Deletes what was neither read nor written: pages of an older state."""
        with suppress(OSError):
            for path in self._folder.iterdir():
                if path.name not in self._used:
                    path.unlink()


def page_key(
    study: RecordedStudy, run: RecordedRun, images: Iterable[Stamp], shown: Iterable[str]
) -> str:
    """Returns the name of a run's page in the store.

    Args:
        study: the study.
        run: the run.
        images: the stamps of the images that the page shows.
        shown: what else the page says, such as the names of pages that it links to.
    """
    tests = [run.folder / layout.variant_folder(name) for name in run.test_variants]
    epochs = [run.folder / layout.epoch_folder(name) for name in run.kept_epochs]
    evaluated = [*(one.folder for one in run.evaluations), *tests, *epochs]
    files = [folder / name for folder in evaluated for name in OF_AN_EVALUATION]
    files += [folder / name for folder in (run.folder, *epochs) for name in OF_A_RUN]
    files += [layout.failure_file(run.folder), study.folder / run.dataset / layout.DATASET]
    manifest = study.manifests.get(run.dataset)
    splits = manifest.splits if manifest else {}
    names = dict.fromkeys(one.split for one in run.evaluations)
    files += [study.resolve(splits[name].annotations) for name in names if name in splits]
    stamps = [*map(stamp, files), *images]
    entry = run.planned.to_dict()
    text = [study.name, entry, run.status, run.reason, list(shown), stamps, _code()]
    return hashlib.sha256(json.dumps(text).encode()).hexdigest()[:32]


def stamp(path: Path) -> Stamp:
    """Returns what changes when a file does; None if there is no such file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return str(path), found.st_mtime_ns, found.st_size


@cache
def _code() -> str:
    """Returns the hash of all that makes a page: modules and templates."""
    folders = [Path(str(one.__file__)).parent for one in (report, charts, evaluation, results)]
    files = [path for folder in folders for path in sorted(folder.rglob("*.py"))]
    files += sorted(TEMPLATES.iterdir())
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
