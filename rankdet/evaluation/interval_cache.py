"""The bootstrap draws of a run for intervals of differences, kept on disk because they take long.

Every run of the same data has the same draws. So the draws of each run are computed once, by the
job that evaluates it, and the difference of any two runs is computed from their draws. They are
stored in `<study>/intervals/`, one file for each family of metrics. A file's name depends on the
matches of the run and on the code, so it is never out of date. A file that was changed counts as
missing.
"""

import hashlib
import io
import json
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from rankdet.evaluation import estimates, intervals
from rankdet.evaluation.intervals import Difference, Draws, check_same_data, draw
from rankdet.evaluation.metric import FAMILIES
from rankdet.evaluation.metrics import bootstrap
from rankdet.evaluation.metrics.matches import Matches, read_matches
from rankdet.evaluation.registry import find
from rankdet.kept import keep, kept

REPLICATES, SEED = 1000, 0  # of the draws that are kept
IN_MEMORY = 64  # draws of runs: a page compares a run in many metrics


def difference(a: Path, b: Path, metric: str, family: str, store: Path) -> Difference | None:
    """Returns the metric of run B minus that of run A; None if the family does not have the metric.

    Args:
        a: Matches of the first run.
        b: Matches of the second run, on the same images.
        metric: Key of the metric.
        family: The family of its interval: "ap", "olrp" or "correlation".
        store: Folder of the cache.

    Raises:
        InputError: If the matches cannot be read, or are on different data.
        OSError: If one of the files is missing.
    """
    files = (_file(path, family, store) for path in (a, b))
    (of_a, data_a), (of_b, data_b) = map(draws_of, files, (a, b), (family, family))
    if data_a != data_b:
        check_same_data(read_matches(a), read_matches(b))
    return of_a.difference(of_b, metric) if metric in of_a.values else None


def keep_draws(matches: Matches, path: Path, draws: Draws, store: Path) -> None:
    """Stores the draws of a run, so that a comparison need not compute them.

    Args:
        matches: The run's matches.
        path: The file that they were written to.
        draws: `REPLICATES` draws from a generator with the seed `SEED`, of all families.
        store: Folder of the cache; if it cannot be written, nothing is stored.
    """
    data = _data(matches)
    for family in FAMILIES:
        names = [name for name in draws.values if getattr(find(name), "interval", None) == family]
        of_family = Draws(draws.images, {name: draws.values[name] for name in names})
        _write(_file(path, family, store), of_family, data)


def _file(matches: Path, family: str, store: Path) -> Path:
    """The file with the draws of a run: its first part is the run, its second their state."""
    found = matches.stat()  # first: of a link to itself it is an OSError, as of a missing file
    whole = str(matches.resolve())
    state = [found.st_mtime_ns, found.st_size, REPLICATES, SEED, _code()]
    return store / f"{_digest([whole, family])}-{_digest(state)}"


def _digest(values: Sequence[object]) -> str:
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:16]


@lru_cache(maxsize=IN_MEMORY)
def draws_of(file: Path, matches: Path, family: str) -> tuple[Draws, str]:
    """Returns the draws of a run, and a hash of its data; the last ones stay in memory.

    Args:
        file: Where they are kept; they are computed and written if they are not there.
        matches: The run's matches.
        family: The family of the metrics.
    """
    found = _read(file)
    if found is None:
        run = read_matches(matches)
        draws = draw(run, np.random.default_rng(SEED), REPLICATES, [family])
        found = draws, _data(run)
        _write(file, *found)
    return found


def _read(file: Path) -> tuple[Draws, str] | None:
    """The content of a file; None if there is none that can be used."""
    try:
        with np.load(io.BytesIO(kept(file) or b""), allow_pickle=False) as known:
            names, values = known["names"].tolist(), known["values"]
            images, data = int(known["images"]), str(known["data"])
    except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile):
        return None
    if values.shape != (len(names), 1 + REPLICATES) or values.dtype != np.float64:
        return None
    return Draws(images, dict(zip(names, values, strict=True))), data


def _write(file: Path, draws: Draws, data: str) -> None:
    """Stores draws in place of older ones of the run."""
    content = io.BytesIO()
    table = np.stack(list(draws.values.values()))
    names = np.array(list(draws.values))
    np.savez(content, names=names, values=table, images=draws.images, data=data)
    with suppress(OSError):  # a study that cannot be written has the same intervals
        keep(file, content.getvalue())
        for old in file.parent.glob(file.name.partition("-")[0] + "-*"):
            if old != file:
                old.unlink()


def _data(matches: Matches) -> str:
    """Returns a hash of images, classes and annotations: draws of other data are not comparable."""
    annotations = matches.ground_truth["annotation"].to_numpy()
    parts = (matches.image_ids, matches.category_ids, annotations)
    found = hashlib.sha256(matches.iou_type.encode())
    for part in parts:
        found.update(np.ascontiguousarray(part, dtype=np.int64).tobytes() + b"|")
    return found.hexdigest()


@lru_cache
def _code() -> str:
    """Returns the hash of the modules that draw the images and compute the metrics."""
    folder = Path(bootstrap.__file__).parent
    modules = [estimates.__file__, intervals.__file__]
    files = [*map(Path, modules), *sorted(folder.glob("*.py"))]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
