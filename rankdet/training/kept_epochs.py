"""Weights of epochs on the way of a training, for tables that show them.

They are kept in `work/` when their epoch ends, and become outputs of the run when it ends.
"""

import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from mmengine.hooks import Hook

from rankdet.files import atomic, read_record, sha256, write_record
from rankdet.results.epochs import KeptEpoch
from rankdet.results.layout import MODEL, RUN, epoch_folder
from rankdet.results.schemas.run import AtEpoch, RunRecord
from rankdet.training import together
from rankdet.training.checkpoints import EPOCHS, save_model
from rankdet.training.steps import Steps


class KeepEpochsHook(Hook):
    """Saves the weights at the end of some epochs, in the main process.

    Args:
        spec: The run's spec; `keep_epochs` has the names, such as `50-of-100`.
        work: The run's `work/` folder.
        epochs: Epochs of the whole schedule.
        last: The epoch after which training ends; less than `epochs` with `stop_after`.
        steps: Which forward passes make an iteration.
    """

    # After norms are averaged over processes, and before the checkpoint for resuming is written: a
    # run that resumes after an epoch has kept it.
    priority = "LOW"

    def __init__(
        self, spec: Mapping[str, Any], work: Path, epochs: int, last: int, steps: Steps
    ) -> None:
        self.spec, self.folder = spec, work / EPOCHS
        self.epochs, self.steps = epochs, steps
        kept = [KeptEpoch.parse(name) for name in spec.get("keep_epochs", ())]
        self.own = {one: min(one.in_training(epochs), last) for one in kept}

    def after_train_epoch(self, runner: Any) -> None:
        """Saves the weights if this epoch is kept."""
        for kept, own in self.own.items():
            if own == runner.epoch + 1 and together.is_main():
                self.folder.mkdir(exist_ok=True)
                path = self._file(kept)
                save_model(runner, self.spec, path, **self.place(kept).to_dict())
                write_record(_checksum_file(path), {"sha256": sha256(path)})

    def missing(self, epochs: int) -> list[KeptEpoch]:
        """Returns what should have been kept in the first `epochs` epochs, and is not whole."""
        passed = (kept for kept, own in self.own.items() if own <= epochs)
        return [kept for kept in passed if not _is_whole(self._file(kept))]

    def forget(self, epochs: int) -> None:
        """Removes what was kept after the first `epochs` epochs: training passes it again."""
        for kept, own in self.own.items():
            if own > epochs:
                self._file(kept).unlink(missing_ok=True)

    def reached(self) -> dict[KeptEpoch, int]:
        """Returns the epochs that were kept, with the iteration that ended each of them."""
        return {k: self._iteration(k) for k in self.own if self._file(k).is_file()}

    def place(self, kept: KeptEpoch, *, reached: bool = True) -> AtEpoch:
        """Returns where in the training an epoch is, for records."""
        return AtEpoch(
            epoch=kept.epoch,
            of=kept.of,
            own_epoch=self.own[kept],
            own_epochs=self.epochs,
            iteration=self._iteration(kept) if reached else None,
        )

    def write(self, run_dir: Path, record: Callable[[int | None, AtEpoch], RunRecord]) -> None:
        """Writes `model.pth` and `run.json` of every epoch into its folder.

        An epoch that a diverged training did not reach has the weights of the run's `model.pth`,
        which must be there; its record says that it diverged.

        Args:
            run_dir: The run's folder.
            record: Returns the record of an epoch from its iteration (None if it was not reached)
                and its place.
        """
        reached = self.reached()
        for kept in self.own:
            folder = run_dir / epoch_folder(kept.name)
            folder.mkdir(parents=True, exist_ok=True)
            source = self._file(kept) if kept in reached else run_dir / MODEL
            # A copy, because a run that is killed here resumes from `work/`.
            with atomic(folder / MODEL) as temporary:
                shutil.copyfile(source, temporary)
            place = self.place(kept, reached=kept in reached)
            record(reached.get(kept), place).to_disk(folder / RUN)

    def _file(self, kept: KeptEpoch) -> Path:
        return self.folder / f"{kept.name}.pth"

    def _iteration(self, kept: KeptEpoch) -> int:
        return self.own[kept] * self.steps.per_epoch


def _checksum_file(path: Path) -> Path:
    return path.with_suffix(".json")


def _is_whole(path: Path) -> bool:
    note, _ = read_record(_checksum_file(path))
    return path.is_file() and note.get("sha256") == sha256(path)


def keeper(hooks: Iterable[Any]) -> KeepEpochsHook:
    """Returns the hook of a runner that keeps epochs."""
    return next(hook for hook in hooks if isinstance(hook, KeepEpochsHook))
