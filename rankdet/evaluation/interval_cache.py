"""Differences of two runs with their intervals, cached on disk because a bootstrap takes minutes.

A table and the report need the same differences. They are stored in `<study>/intervals/`. The file
name depends on the matches of both runs and on the code, so a stored value is never out of date. A
file that was changed counts as missing.
"""

import hashlib
import json
from contextlib import suppress
from dataclasses import asdict, astuple
from functools import lru_cache
from pathlib import Path

import numpy as np

from rankdet.evaluation import estimates, intervals
from rankdet.evaluation.intervals import Difference, paired_bootstrap
from rankdet.evaluation.metrics import bootstrap
from rankdet.evaluation.metrics.matches import read_matches
from rankdet.kept import keep, kept

REPLICATES = 1000


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
    stamps = [(str(p), p.stat().st_mtime_ns, p.stat().st_size) for p in (a, b)]
    text = json.dumps([stamps, family, REPLICATES, _code()])
    path = store / hashlib.sha256(text.encode()).hexdigest()[:24]
    found = _kept(path)
    if found is None:
        # Every pair has the same draws, so that results do not depend on the order of the calls.
        rng = np.random.default_rng(0)
        found = paired_bootstrap(read_matches(a), read_matches(b), rng, REPLICATES, [family])
        with suppress(OSError):  # a study that cannot be written has the same intervals
            keep(path, json.dumps({k: asdict(v) for k, v in found.items()}).encode())
    return found.get(metric)


def _kept(path: Path) -> dict[str, Difference] | None:
    """The differences in a file; None if there are none that can be used."""
    try:
        known = json.loads(kept(path) or b"")
        found = {name: Difference(**values) for name, values in known.items()}
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
    numbers = [number for one in found.values() for number in astuple(one)]
    return found if all(isinstance(one, float | None) for one in numbers) else None


@lru_cache
def _code() -> str:
    """Returns the hash of the modules that draw the images and compute the metrics."""
    folder = Path(bootstrap.__file__).parent
    modules = [estimates.__file__, intervals.__file__]
    files = [*map(Path, modules), *sorted(folder.glob("*.py"))]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
