"""Differences of two runs with their intervals, cached on disk because a bootstrap takes minutes.

A table and the report need the same differences. They are stored in `<study>/intervals/`. The file
name depends on the matches of both runs and on the code, so a stored value is never out of date.
"""

import hashlib
import json
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

import numpy as np

from rankdet.evaluation import estimates, intervals
from rankdet.evaluation.intervals import Difference, paired_bootstrap
from rankdet.evaluation.metrics import bootstrap
from rankdet.evaluation.metrics.matches import read_matches
from rankdet.files import atomic

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
    path = store / f"{hashlib.sha256(text.encode()).hexdigest()[:24]}.json"
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        found = {name: Difference(**values) for name, values in known.items()}
    except (OSError, ValueError, TypeError):
        # Every pair has the same draws, so that results do not depend on the order of the calls.
        rng = np.random.default_rng(0)
        found = paired_bootstrap(read_matches(a), read_matches(b), rng, REPLICATES, [family])
        _keep(path, found)
    return found.get(metric)


def _keep(path: Path, found: dict[str, Difference]) -> None:
    with atomic(path) as temporary:
        temporary.write_text(json.dumps({k: asdict(v) for k, v in found.items()}), encoding="utf-8")


@lru_cache
def _code() -> str:
    """Returns the hash of the modules that draw the images and compute the metrics."""
    folder = Path(bootstrap.__file__).parent
    modules = [estimates.__file__, intervals.__file__]
    files = [*map(Path, modules), *sorted(folder.glob("*.py"))]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
