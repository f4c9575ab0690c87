"""Why a run failed: `work/failure.json` in its folder, for the report and for the next run."""

import hashlib
import json
import os
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rankdet.files import write_record


def record_failure(folder: Path, label: str, reason: str) -> None:
    """Writes why a run failed where the report looks for it.

    A full disk may not take it: it is then kept in the system's folder for temporary files, until
    `failure` can move it.
    """
    record = {
        "status": "failed",
        "reason": reason,
        "job": label,
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    if not _write(failure_file(folder), record):
        _write(_spare_file(folder), record)


def failure(folder: Path) -> dict[str, Any] | None:
    """Returns the record of a run's failure, and puts it where it belongs; None without one."""
    for path in (_spare_file(folder), failure_file(folder)):
        with suppress(OSError, ValueError):
            record = json.loads(path.read_text(encoding="utf-8"))
            if path != failure_file(folder) and _write(failure_file(folder), record):
                path.unlink()
            return record
    return None


def _write(path: Path, record: dict[str, Any]) -> bool:
    """Writes a record in one move; returns whether the disk took it."""
    try:
        write_record(path, record)
    except OSError:
        return False
    return True


def _spare_file(folder: Path) -> Path:
    name = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"rankdet-failure-{os.getuid()}-{name}.json"


def clear_failure(folder: Path, label: str) -> None:
    """Removes the record of an earlier failure of this job, once it has succeeded."""
    for path in (_spare_file(folder), failure_file(folder)):
        with suppress(OSError, ValueError):
            if json.loads(path.read_text(encoding="utf-8")).get("job") == label:
                path.unlink()
    with suppress(OSError):
        failure_file(folder).parent.rmdir()


def failure_file(folder: Path) -> Path:
    """Returns where a run's failure is recorded."""
    return folder / "work" / "failure.json"
