"""The checkpoints of a run in `work/`: two are kept, each with checksums of itself and of the rows.

A checkpoint counts only if both checksums are right. So a file that a power failure has cut, or a
record that lost rows, sends the training back to the checkpoint before, and never into the results.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.hooks import Hook

from rankdet.errors import InputError
from rankdet.files import (
    atomic,
    read_record,
    remove_leftovers,
    sha256,
    shown,
    synchronise,
    write_record,
    write_text,
)
from rankdet.training import together
from rankdet.training.steps import Steps

KEPT = 2  # checkpoints: the last and, if it is damaged, the one before
NUMBERS = ("passes", "iteration")
CHECKSUMS = ("sha256", "rows_sha256")


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was written completely.

    Attributes:
        path: Its file.
        passes: Forward passes before it.
        iteration: Iterations before it: the rows of the record that belong to it.
        sha256: Checksum of the file.
        rows_sha256: Checksum of these rows.
    """

    path: Path
    passes: int
    iteration: int
    sha256: str
    rows_sha256: str

    def fault(self, rows: Path) -> str | None:
        """Returns why it cannot be used, in a few words; None if it can.

        Args:
            rows: The file of the recorded rows.
        """
        if not self.path.is_file():
            return "is missing"
        if sha256(self.path) != self.sha256:
            return "is damaged (its checksum differs)"
        if digest_of_rows(rows, self.iteration) != self.rows_sha256:
            return f"does not fit {rows.name}, whose first {self.iteration} rows have changed"
        return None


def digest_of_rows(path: Path, count: int) -> str | None:
    """Returns the checksum of the first rows of a record; None if it has fewer, or others.

    Args:
        path: A JSON-lines file.
        count: How many rows; they must be the iterations 1 to `count`.
    """
    if not path.is_file():
        return None
    digest = hashlib.sha256()
    with path.open("rb") as lines:
        for iteration in range(1, count + 1):
            line = next(lines, b"")
            if iteration_of(line) != iteration:
                return None
            digest.update(line)
    return digest.hexdigest()


def iteration_of(line: bytes | str) -> int | None:
    """Returns the iteration of a row's line; None if it is not a row."""
    try:
        row = json.loads(line)
    except ValueError:  # cut, or not text
        return None
    iteration = row.get("iteration") if isinstance(row, dict) else None
    return iteration if isinstance(iteration, int) else None


class CheckpointStore:
    """The checkpoints in a folder, and the record of rows beside them.

    Args:
        folder: The run's `work/` folder.
        rows: The file of the recorded rows.
    """

    def __init__(self, folder: Path, rows: Path) -> None:
        self.folder, self.rows = folder, rows

    def save(self, epoch: int, passes: int, iteration: int, write: Callable[[Path], None]) -> None:
        """Writes a checkpoint, then its checksums, and removes all but the last two.

        Args:
            epoch: The epoch that has ended.
            passes: Forward passes so far.
            iteration: Iterations so far.
            write: Writes the checkpoint into the file that it is given.

        Raises:
            InputError: If the record of rows is not that of this training any more.
        """
        path = self.folder / f"epoch_{epoch}.pth"
        synchronise(self.rows)
        rows_sha256 = digest_of_rows(self.rows, iteration)
        if rows_sha256 is None:
            raise InputError(
                f"{shown(self.rows)} does not have the rows 1 to {iteration} any more: something "
                "else has changed it; run again to continue from the last checkpoint that fits"
            )
        with atomic(path) as temporary:
            write(temporary)
            one = Checkpoint(path, passes, iteration, sha256(temporary), rows_sha256)
            # Before the checkpoint gets its name, so that there is none without checksums.
            write_record(_note(path), {key: getattr(one, key) for key in NUMBERS + CHECKSUMS})
        # For people and tools, as mmengine writes it. Resuming does not read it.
        write_text(self.folder / "last_checkpoint", str(path))
        for old in self._newest_first()[KEPT:]:
            self._remove(old)

    def last_whole(self, say: Callable[[str], None]) -> Checkpoint | None:
        """Returns the last checkpoint that can be used; None to start again.

        Args:
            say: Called with a line for each later checkpoint, which cannot be used and is removed.
        """
        faults, chosen = [], None
        for path in self._newest_first():
            one = _read(path)
            fault = one.fault(self.rows) if one else "has no checksum"
            if fault is None:
                chosen = one
                break
            self._remove(path)
            faults.append(f"{path.name} {fault}")
        then = f"continues from {chosen.path.name}" if chosen else "training starts again"
        for fault in faults:
            say(f"{shown(self.folder)}/{fault}: {then}")
        return chosen

    def _newest_first(self) -> list[Path]:
        found = {int(path.stem[6:]): path for path in self.folder.glob("epoch_[0-9]*.pth")}
        return [found[epoch] for epoch in sorted(found, reverse=True)]

    def clear(self) -> None:
        """Removes all checkpoints."""
        for path in self._newest_first():
            self._remove(path)

    def remove_leftovers(self) -> None:
        """Removes temporary files of processes that were killed."""
        for path in self.folder.glob(".*.[0-9]*"):
            remove_leftovers(path.with_name(path.name[1:].rpartition(".")[0]))

    def _remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        _note(path).unlink(missing_ok=True)


def _note(path: Path) -> Path:
    return path.with_suffix(".json")


def _read(path: Path) -> Checkpoint | None:
    """Returns a checkpoint with its checksums; None if it has none."""
    note, _ = read_record(_note(path))
    whole = all(isinstance(note.get(name), int) for name in NUMBERS)
    whole = whole and all(isinstance(note.get(name), str) for name in CHECKSUMS)
    return Checkpoint(path, **{name: note[name] for name in NUMBERS + CHECKSUMS}) if whole else None


class SaveHook(Hook):
    """Saves a checkpoint at the end of some epochs and of the training, in the main process.

    Args:
        store: Where to.
        every: Epochs from one to the next.
        steps: Which forward passes make an iteration.
    """

    priority = "VERY_LOW"  # after everything else that ends an epoch

    def __init__(self, store: CheckpointStore, every: int, steps: Steps) -> None:
        self.store, self.every, self.steps = store, every, steps

    def after_train_epoch(self, runner: Any) -> None:
        """Saves one if this epoch is one of them."""
        epoch = runner.epoch + 1
        if (epoch % self.every and epoch != runner.max_epochs) or not together.is_main():
            return

        def write(path: Path) -> None:
            runner.save_checkpoint(str(path.parent), path.name)

        self.store.save(epoch, runner.iter, self.steps.count(runner.iter), write)
