"""Short trainings before a search: how long an iteration and an inference take with each loss."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path

from rankdet.errors import InputError
from rankdet.machine import processor_name
from rankdet.results.schemas.tuning import Measurement, TuningRecord
from rankdet.study import hashes
from rankdet.training.attempts import MEASURED, Row
from rankdet.training.pool import train_all
from rankdet.tuning.budget import Pace
from rankdet.tuning.halving import Candidate
from rankdet.tuning.held_out import HeldOut, few_images
from rankdet.tuning.outcome import name_of
from rankdet.tuning.trials import Pair, trial_spec

ITERATIONS = 8  # of a short training; the record counts its time after the fifth
IMAGES = 6  # of its inference; the first ones are not counted


def measure(
    pairs: Sequence[Pair],
    data: HeldOut,
    jobs: int,
    work: Path,
    log: Path,
    earlier: TuningRecord | None,
) -> dict[str, Measurement]:
    """Returns how fast each pair trains: as in the record, or measured now.

    A search that goes on reads the times of its start, so that it keeps its plan.

    Args:
        pairs: The losses and detectors.
        data: The held-out data.
        jobs: Trainings at a time.
        work: A folder for temporary files.
        log: A file for tracebacks.
        earlier: The record so far.

    Raises:
        InputError: If a training fails.
    """
    known = _known(earlier, jobs)
    found, missing = {}, []
    for pair in pairs:
        measured = known.get(pair.name)
        if measured and measured.key == _key(pair, data):
            found[pair.name] = measured
        else:
            missing.append(pair)
    if missing:
        found |= _measured(missing, data, jobs, work, log)
    return found


def _known(earlier: TuningRecord | None, jobs: int) -> dict[str, Measurement]:
    if earlier is None or earlier.jobs != jobs or earlier.hardware.get("cpu") != processor_name():
        return {}
    return {name_of(search): search.pace for search in earlier.searches}


def _key(pair: Pair, data: HeldOut) -> str:
    return hashes.digest(pair.spec["hashes"], data.content.checksum)


def _measured(
    pairs: Sequence[Pair], data: HeldOut, jobs: int, work: Path, log: Path
) -> dict[str, Measurement]:
    batch = max(pair.run.schedule["batch_size"] for pair in pairs)
    few = few_images(data, ITERATIONS * batch, IMAGES, work / "few")
    repeats = 1 + jobs // len(pairs)  # more trainings than processes: one without their start
    order = [pair for _ in range(repeats) for pair in pairs]
    tasks = []
    for pair in order:
        spec = trial_spec(pair, Candidate(1.0), 1, few)
        tasks.append(({"pair": pair.name}, spec))
    rows = list(train_all(tasks, jobs, work, log))
    check_made(rows, log)
    rests = [_rest(row) for row in rows]
    rest, start = min(rests), max(rests) - min(rests)
    last = {row["pair"]: row for row in rows}
    return {
        pair.name: Measurement(
            key=_key(pair, data),
            epochs=pair.epochs(data.epoch_images),
            iterations=pair.per_epoch(data.epoch_images),
            iteration=last[pair.name]["seconds_per_iteration"] or 0.0,
            image=last[pair.name]["seconds_per_image"] or 0.0,
            images=data.scored.n_images or 0,
            rest=round(rest, 3),
            start=round(start, 3),
        )
        for pair in pairs
    }


def _rest(row: Row) -> float:
    """What a training takes apart from its iterations and the inference, in seconds."""
    inference = IMAGES * (row["seconds_per_image"] or 0.0)
    return float(max(0.0, row["seconds"] - row["train_seconds"] - inference))


def check_made(rows: Sequence[Row], log: Path) -> None:
    """Checks that trainings did not fail; a loss that diverges does not fail.

    Raises:
        InputError: For the first one that failed.
    """
    failed = [row for row in rows if row["status"] != MEASURED]
    if failed:
        more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        reason = failed[0].get("reason") or "its process ended"
        where = f"; see {log}" if log.exists() else ""
        raise InputError(f"{failed[0]['pair']}: a training failed: {reason}{more}{where}")


def paces(measured: Mapping[str, Measurement]) -> tuple[dict[str, Pace], float]:
    """Returns the pace of each pair, and the seconds that a process takes to start."""
    names = [field.name for field in fields(Pace)]
    made = {
        pair: Pace(**{name: getattr(one, name) for name in names}) for pair, one in measured.items()
    }
    return made, max((float(one.start) for one in measured.values()), default=0.0)
