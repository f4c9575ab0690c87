"""The weights that trainings start from: found, and made a part of what the trainings depend on."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from rankdet.errors import InputError
from rankdet.files import sha256
from rankdet.results.layout import MODEL
from rankdet.study import hashes
from rankdet.study.resolved_run import ResolvedRun
from rankdet.suggest import close

SHOWN = 12  # digits of a hash in a list of settings


def with_first_weights(
    runs: Sequence[ResolvedRun], folder: str, source: str
) -> tuple[list[ResolvedRun], dict[str, str]]:
    """Makes the weights that trainings start from a part of their hashes.

    A file counts by its SHA-256. Another run of the study counts by what it is made of, because its
    weights may not exist yet.

    Args:
        runs: The runs of the study.
        folder: The study's folder.
        source: The config file's name, for messages.

    Returns:
        The runs in the same order; and, for each run that starts from another one, its key to the
        `model.pth` of that run.

    Raises:
        InputError: If `init_from` is neither a file nor a run with weights, or a run starts from
            itself.
    """
    known = {run.key: run for run in runs}
    found = [_with_weights(run, known, source) for run in runs]
    models = {
        run.key: (Path(folder) / run.init_from / MODEL).as_posix()
        for run in runs
        if run.init_from in known
    }
    return found, models


def _with_weights(run: ResolvedRun, known: Mapping[str, ResolvedRun], source: str) -> ResolvedRun:
    if not run.init_from:
        return run
    digest = _digest(run, known, source, ())
    config = hashes.digest(run.hashes["config"], digest)
    return replace(run, hashes={**run.hashes, "config": config}, first_weights=digest[:SHOWN])


def _digest(
    run: ResolvedRun, known: Mapping[str, ResolvedRun], source: str, before: tuple[str, ...]
) -> str:
    """What the weights are that a run starts from."""
    other = known.get(run.init_from)
    where = f"{source}: {run.key}: init_from"
    if other is None:
        if Path(run.init_from).is_file():
            return _of_file(Path(run.init_from))
        likely = close(run.init_from, known)
        hint = likely and f"did you mean {likely!r}?"
        raise InputError(
            f"{where}: neither a file nor the key of a run of this study: {run.init_from}; "
            f"{hint or 'put the file there'}"
        )
    if other.key == run.key or other.key in before:
        raise InputError(
            f"{where}: a training cannot start from its own end ({other.key}); name another run"
        )
    if other.untrained:
        raise InputError(f"{where}: {other.key} is not trained and keeps no weights; leave it out")
    if other.checkpoint:
        return hashes.digest(_of_file(Path(other.checkpoint)), other.hashes["config"])
    made = [dict(other.hashes), other.seed]
    if other.init_from:
        made.append(_digest(other, known, source, (*before, run.key)))
    return hashes.digest(made)


def _of_file(path: Path) -> str:
    status = path.stat()
    return _sha256(path, status.st_size, status.st_mtime_ns)


@lru_cache
def _sha256(path: Path, size: int, changed: int) -> str:
    return sha256(path)
