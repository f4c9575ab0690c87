"""Are the detections, metrics and matches of a run older than its plan, or were they edited?"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rankdet.results.layout import DETECTIONS, MATCHES, METRICS, RUN, SPEED
from rankdet.results.seals import (
    OF_EVALUATION,
    OF_TEST,
    MadeOf,
    Stamp,
    is_of_job,
    is_same,
    made_of,
    training_of,
)

PARTS = {OF_TEST: "the settings or the code of its test", OF_EVALUATION: "the code of evaluation"}


@dataclass(frozen=True)
class Older:
    """A file that has to be made again.

    Attributes:
        path: The file.
        why: What has changed, in words: `detections.json was edited`.
    """

    path: Path
    why: str

    @property
    def reason(self) -> str:
        """Why its numbers are not shown, in one line."""
        return f"not those of the plan: {self.why}; run the study again"


def older_evaluation(folder: Path, planned: Mapping[str, str] | None) -> Older | None:
    """Returns what is older than the plan in a folder with detections, metrics and matches.

    What has no note of what it was made of, such as a file of an old version, is not compared.

    Args:
        folder: The run's folder, or one in it: `on-<split>`, `test-<name>`, ...
        planned: The hashes of the plan: `test` (or the folder's name, of another test), `evaluate`;
            None if they are not known.

    Returns:
        The first file of the workflow that has to be made again, or None.
    """
    if planned is None:
        return None
    training = training_of(folder if (folder / RUN).exists() else folder.parent)
    test = planned.get(folder.name, planned.get(OF_TEST))
    evaluation = planned.get(OF_EVALUATION)
    detected, metrics = made_of(folder / SPEED), made_of(folder / METRICS)
    of_detections = {OF_TEST: test, "training": training}
    of_metrics = {OF_EVALUATION: evaluation, "training": training}
    path, detections = folder / METRICS, folder / DETECTIONS
    if why := detections.exists() and _edited(detections, detected, metrics):
        return Older(detections, why)
    if why := detections.exists() and _changed(SPEED, detected, of_detections):
        return Older(detections, why)
    if why := path.exists() and _changed(METRICS, metrics, of_metrics):
        return Older(path, why)
    stamp = _stamp(metrics)
    if path.exists() and stamp and not is_same(detections, stamp):
        return Older(path, "its detections changed")
    matches, made = folder / MATCHES, _stamp(metrics, MATCHES)
    if path.exists() and made and not is_of_job(matches, made, path):
        return Older(matches, f"{MATCHES} was edited")
    return None


def _stamp(made: MadeOf, name: str = DETECTIONS) -> Stamp | None:
    return (made[0].get("files") or {}).get(name)


def _edited(detections: Path, detected: MadeOf, metrics: MadeOf) -> str | None:
    """Whether the detections are not those of the job that detects.

    Snakemake sets the times of a job's files when it has ended. So the evaluation knows the time of
    the detections, and the job that detects only their bytes.
    """
    made, later = _stamp(detected), _stamp(metrics)
    if made and later and made[2] == later[2]:
        made = later
    return None if made is None or is_same(detections, made) else f"{DETECTIONS} was edited"


def _changed(name: str, made: MadeOf, planned: Mapping[str, str | None]) -> str | None:
    """What has changed since a record was made; None if nothing has, or it is not known."""
    was, whole = made
    if not whole:
        return f"{name} was edited"
    for key, now in planned.items():
        if now and was.get(key) not in (None, now):
            return f"{PARTS.get(key, 'its training')} changed"
    return None
