"""What two runs were made of, as their records say: hashes, and the files that differ."""

from collections.abc import Mapping
from typing import Any

from rankdet.errors import first_of
from rankdet.results.recorded_run import RecordedRun
from rankdet.results.staleness import PARTS
from rankdet.results.status import WITHOUT_RESULTS

SHOWN = 3  # names in a message


def hash_of(run: RecordedRun, part: str) -> str:
    """Returns a hash of a run with results, or that of the plan of one without; empty if unknown.

    Args:
        run: The run.
        part: A key of `rankdet.results.staleness.PARTS`.
    """
    made = None if run.status in WITHOUT_RESULTS else run.provenance.get(PARTS[part][0])
    return str(made or (run.planned.hashes or {}).get(part) or "")


def files_of(run: RecordedRun) -> Mapping[str, str]:
    """Returns the files that a run was made of, each with a hash; empty if it is not recorded."""
    return (run.provenance.made_of or {}).get("files") or {}


def changed_files(ours: RecordedRun, theirs: RecordedRun) -> list[str]:
    """Returns the files of the losses and the code that differ; empty if that is not recorded."""
    return _changed(files_of(ours), files_of(theirs))


def changed(ours: RecordedRun, theirs: RecordedRun) -> str:
    """Returns the first files and settings that differ, in words; empty if none is recorded."""
    settings = [(run.provenance.made_of or {}).get("settings") or {} for run in (ours, theirs)]
    names = [*changed_files(ours, theirs), *_changed(*settings)]
    return first_of(names, SHOWN)


def _changed(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    if not ours or not theirs:
        return []
    return [key for key in dict.fromkeys([*ours, *theirs]) if ours.get(key) != theirs.get(key)]
