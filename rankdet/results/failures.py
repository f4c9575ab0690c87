"""Why a run failed: `work/failure.json` in its folder, for the report and for the next run."""

import hashlib
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path

from rankdet.results.layout import failure_file
from rankdet.results.own_folder import own_folder
from rankdet.results.schemas.base import has_no_file
from rankdet.results.schemas.failure import FailureRecord


def record_failure(folder: Path, label: str, reason: str) -> None:
    """Writes why a run failed where the report reads it.

    If the disk is full, the record goes to a folder of this user, until `failure` can move it.
    """
    when = datetime.now(timezone.utc).isoformat(timespec="seconds")
    record = FailureRecord.of(status="failed", reason=reason, job=label, when=when)
    if not _write(failure_file(folder), record):
        for path in _spare_files(folder):
            _write(path, record)


def failure(folder: Path) -> FailureRecord | None:
    """Returns why a run failed, and moves the record to its place; None if it did not fail.

    A damaged record is returned as a failure, with the damage as its reason.
    """
    for path in (*_spare_files(folder), failure_file(folder)):
        record, problem = FailureRecord.read(path)
        if record is None:
            if has_no_file(problem):
                continue
            return FailureRecord.of(reason=problem)
        if path != failure_file(folder) and _write(failure_file(folder), record):
            with suppress(OSError):
                path.unlink()
        return record
    return None


def clear_failure(folder: Path, label: str) -> None:
    """Removes the record of an earlier failure of this job, after the job has succeeded."""
    for path in (*_spare_files(folder), failure_file(folder)):
        record, _ = FailureRecord.read(path)
        if record is not None and record.job == label:
            with suppress(OSError):
                path.unlink()
    with suppress(OSError):
        failure_file(folder).parent.rmdir()


def _write(path: Path, record: FailureRecord) -> bool:
    """Writes a record atomically; returns whether that was possible."""
    try:
        record.to_disk(path)
    except OSError:
        return False
    return True


def _spare_files(folder: Path) -> list[Path]:
    """Returns where the record goes if the disk of the results is full: one path, or none."""
    own = own_folder()
    name = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
    return [own / f"failure-{name}.json"] if own else []
