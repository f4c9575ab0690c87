"""What detections and metrics were made of, and whether they were edited after that.

`speed.json` (beside the detections) and `metrics.json` have it under `made_of`: hashes of the
settings, the code and the training, the files that belong to them, and a checksum of the record
itself. So it comes along when results are copied, unlike Snakemake's notes.
"""

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from rankdet.errors import InputError
from rankdet.files import read_record, sha256, write_record
from rankdet.results.layout import DETECTIONS, MATCHES, METRICS, RUN, SPEED

MADE_OF, SEAL = "made_of", "seal"
OF_TEST, OF_EVALUATION = "test", "evaluate"  # keys of the plan's hashes
Stamp = list[Any]  # bytes, time of the last change in ns, sha256 in hex
MadeOf = tuple[Mapping[str, Any], bool]  # what a record was made of; has it still its text?
LARGE = 4 << 20  # bytes, from which a file of a job is not read each time
AT_ONCE = 100_000_000  # ns between the times that Snakemake gives to the files of one job


def seal_detections(folder: Path, run: Path, test: str) -> None:
    """Notes in `speed.json` what the detections beside it were made of.

    Args:
        folder: The folder of the detections.
        run: The folder of the `run.json` that they belong to.
        test: The hash of the test's settings and code.

    Raises:
        InputError: If `speed.json` cannot be read.
    """
    files = {DETECTIONS: stamp(folder / DETECTIONS)}
    _seal(folder / SPEED, {OF_TEST: test, "training": training_of(run), "files": files})


def seal_metrics(folder: Path, run: Path, evaluation: str) -> None:
    """Notes in `metrics.json` what the metrics were made of, and the matches beside them.

    Args:
        folder: The folder of the metrics, with the detections and matches.
        run: The folder of the `run.json` that they belong to.
        evaluation: The hash of the code that evaluates.

    Raises:
        InputError: If `metrics.json` cannot be read.
    """
    files = {name: stamp(folder / name) for name in (DETECTIONS, MATCHES)}
    made_of = {OF_EVALUATION: evaluation, "training": training_of(run), "files": files}
    _seal(folder / METRICS, made_of)


def training_of(run: Path) -> str:
    """Returns a hash of where a run's weights come from; empty if there is not such a record."""
    record, _ = read_record(run / RUN)
    found = json.dumps(record.get("provenance"), sort_keys=True)
    return hashlib.sha256(found.encode()).hexdigest()[:16] if record else ""


def stamp(path: Path) -> Stamp:
    """Returns size, time and checksum of a file.

    Raises:
        OSError: If it cannot be read.
    """
    status = path.stat()
    return [status.st_size, status.st_mtime_ns, sha256(path)]


def is_same(path: Path, was: Stamp) -> bool:
    """Returns whether a file has the bytes it had.

    A file that is missing has no other ones. One that cannot be read, such as a link to itself, is
    not the same.

    It is read only if its size is the same and its time is not.
    """
    try:
        status = path.stat()
        if status.st_size != was[0]:
            return False
        return status.st_mtime_ns == was[1] or sha256(path) == was[2]
    except FileNotFoundError:
        return True
    except OSError:
        return False


def is_of_job(path: Path, was: Stamp, other: Path) -> bool:
    """Returns whether a file has the bytes that a job gave it, as `is_same`.

    Snakemake sets new times for all files of a job when it has ended, so the time of the stamp says
    nothing. A large file is not read if it has the time of another file of the job.

    Args:
        path: The file.
        was: Its stamp in the job.
        other: Another file of the same job.
    """
    try:
        status, time = path.stat(), other.stat().st_mtime_ns
        if status.st_size != was[0]:
            return False
        if status.st_size > LARGE and abs(status.st_mtime_ns - time) < AT_ONCE:
            return True
        return status.st_mtime_ns == was[1] or _sha256(path, status.st_mtime_ns) == was[2]
    except FileNotFoundError:
        return True
    except OSError:
        return False


@lru_cache(maxsize=8192)
def _sha256(path: Path, _mtime: int) -> str:
    """The checksum of a file; `rankdet watch` asks for it again and again."""
    return sha256(path)


def _seal(path: Path, made_of: Mapping[str, Any]) -> None:
    record, problem = read_record(path)
    if problem:
        raise InputError(f"{path}: {problem}; run again")
    record[MADE_OF] = {**made_of, SEAL: ""}
    write_record(path, record)
    record[MADE_OF][SEAL] = sha256(path)
    write_record(path, record)


def made_of(path: Path) -> MadeOf:
    """Reads what a record was made of.

    Returns:
        It, empty if the record is not there, damaged or of an old version; and whether the file
        still has the text it was written with.
    """
    record, _ = read_record(path)
    found = record.get(MADE_OF)
    if not isinstance(found, dict) or not isinstance(found.get(SEAL), str):
        return {}, True
    text = path.read_bytes().replace(found[SEAL].encode(), b"")
    return found, hashlib.sha256(text).hexdigest() == found[SEAL]
