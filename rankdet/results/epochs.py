"""Epochs on the way of a training: their names, and their results as those of a run of their own.

A paper's table shows AP after epoch 50 of 100. The run that trains the whole schedule keeps its
weights at that epoch, in the folder `epoch-50-of-100` below its own.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from typing_extensions import Self  # of typing from Python 3.11; pydantic brings it

from rankdet.results.layout import MODEL, RUN, epoch_folder
from rankdet.results.learning import BARELY_LEARNED, COLLAPSED, TRAINED
from rankdet.results.recorded_run import Evaluation, RecordedRun
from rankdet.results.records import RecordedStudy
from rankdet.results.schemas.run import RunRecord
from rankdet.results.status import NOT_EVALUATED, STALE, WITHOUT_RESULTS, read_metrics

NAME = re.compile(r"([1-9][0-9]*)-of-([1-9][0-9]*)")
PARTS_OF_A_KEY = 4  # dataset, detector, loss, seed


@dataclass(frozen=True, order=True)
class KeptEpoch:
    """An epoch of a paper's schedule after which a training keeps its weights.

    Attributes:
        of: the number of epochs of the paper's schedule.
        epoch: the epoch, from 1 to `of` - 1.
    """

    of: int
    epoch: int

    @classmethod
    def parse(cls, name: str) -> Self:
        """Returns the epoch of a name such as `50-of-100`.

        Raises:
            ValueError: If it is not such a name.
        """
        found = NAME.fullmatch(name)
        if not found:
            raise ValueError(f"{name!r} is not the name of an epoch, such as 50-of-100")
        return cls(of=int(found[2]), epoch=int(found[1]))

    @property
    def name(self) -> str:
        """Its name in paths: `50-of-100`."""
        return f"{self.epoch}-of-{self.of}"

    @property
    def words(self) -> str:
        """Its name for readers: `epoch 50 of 100`."""
        return f"epoch {self.epoch} of {self.of}"

    def in_training(self, epochs: int) -> int:
        """Returns the epoch of a training that corresponds to it: the first that is not earlier.

        A training may be shorter than the paper's. Epoch 50 of 100 is epoch 6 of 12, and epoch 4
        of 7.

        Args:
            epochs: the number of epochs of the training, at least 1.

        Returns:
            From 1 to `epochs`.
        """
        return -(-self.epoch * epochs // self.of)


def words(name: str) -> str:
    """Returns the name of an epoch for readers: `epoch 50 of 100` for `50-of-100`."""
    return KeptEpoch.parse(name).words


def not_kept(folder: Path, names: Iterable[str]) -> list[str]:
    """Returns the epochs that a finished training did not keep; empty if it is not finished.

    Args:
        folder: the run's folder.
        names: the epochs that it should have kept.
    """
    if not (folder / RUN).exists():
        return []
    return [name for name in names if not (folder / epoch_folder(name) / MODEL).exists()]


def run_key(key: str) -> str:
    """Returns the key of the run to which a run, or a kept epoch of one, belongs."""
    return "/".join(key.split("/")[:PARTS_OF_A_KEY])


def at_epoch(run: RecordedRun, name: str) -> RecordedRun:
    """Returns a run as it was after an epoch: its record and its evaluation on the main split.

    Args:
        run: the run of the whole training.
        name: the epoch, such as `50-of-100`.
    """
    folder = run.folder / epoch_folder(name)
    planned = run.planned.model_copy(
        update={
            "key": f"{run.key}/{folder.name}",
            "splits": run.planned.splits[:1],
            "kept_epochs": (),
            "score_thresholds": (),
            "test_variants": (),
        }
    )
    record, _ = RunRecord.read(folder / RUN)
    metrics, problem = (
        (None, run.reason)
        if run.status == STALE
        else read_metrics(folder, run.failure, run.planned.hashes)
    )
    if name not in run.planned.kept_epochs:
        metrics, problem = None, f"its training keeps no {words(name)}"
    elif run.failure and run.failure.in_training:
        metrics, problem = None, f"failed: {run.failure.reason}"
    elif record is None:
        lost = run.reason if run.status in WITHOUT_RESULTS else None
        metrics, problem = None, lost or f"{words(name)} was not kept; run the study again"
    status, reason = NOT_EVALUATED, problem
    if record and metrics:
        status, reason = _on_the_way(run, record)
    elif run.status in WITHOUT_RESULTS:
        status = run.status
    evaluation = Evaluation(run.main.split, folder, metrics, problem)
    return replace(
        run,
        planned=planned,
        folder=folder,
        status=status,
        reason=reason,
        record=record,
        evaluations=(evaluation,),
    )


def _on_the_way(run: RecordedRun, record: RunRecord) -> tuple[str, str | None]:
    """Returns status and reason at an epoch with metrics.

    Whether a training has learned shows at its end: on the way a low AP is a result, and leaving it
    out would leave out the losses that begin slowly.
    """
    if run.status == BARELY_LEARNED:
        return run.status, run.reason
    return (TRAINED, None) if record.status == COLLAPSED else (record.status, record.reason)


def recorded(study: RecordedStudy, key: str) -> RecordedRun | None:
    """Returns the run, or the run at a kept epoch, that has a key; None if there is none."""
    run = next((run for run in study.runs if run.key == run_key(key)), None)
    if run is None or run.key == key:
        return run
    names = (name for name in run.planned.kept_epochs if key.endswith(f"/{epoch_folder(name)}"))
    return next((at_epoch(run, name) for name in names), None)
