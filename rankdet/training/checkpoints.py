"""Resuming a run: its `work/` folder and its checkpoints."""

import json
import shutil
import sys
from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from rankdet.errors import InputError
from rankdet.files import atomic, shown, write_record
from rankdet.results.layout import LAST, LOCK, PROGRESS, STATE, WORK
from rankdet.training import going_on
from rankdet.training.checkpoint_store import CheckpointStore, iteration_of
from rankdet.training.lock import WriterLock

EPOCHS = "epochs"  # in `work/`: weights of epochs on the way


def fingerprint(spec: Mapping[str, Any]) -> dict[str, str]:
    """Returns the hashes and the seed. A run can be resumed only if they have not changed.

    `hashes.first` is the checksum of the weights that it starts from, if they are from a file.
    """
    return {**{k: str(v) for k, v in spec.get("hashes", {}).items()}, "seed": str(spec["seed"])}


def save_model(runner: Any, spec: Mapping[str, Any], path: Path, **more: Any) -> None:
    """Saves the weights of a runner's model, or their average, atomically, with the run's keys.

    Args:
        runner: The mmengine runner.
        spec: The run's spec.
        path: Where to write.
        more: Further keys of `meta`.
    """
    from rankdet.training.averaging import trained_weights

    state = {name: value.cpu() for name, value in trained_weights(runner).items()}
    meta = {key: spec[key] for key in ("dataset", "detector", "loss", "variant", "seed", "preset")}
    meta["classes"] = list(runner.train_dataloader.dataset.metainfo["classes"])
    with atomic(path) as temporary:
        torch.save({"state_dict": state, "meta": {**meta, **more}}, temporary)


class Workspace:
    """The `work/` folder of a run, with checkpoints, recorded rows and a resume history.

    Snakemake does not know the folder, so it does not delete it. If the fingerprint has changed,
    the folder is cleared, unless the training may go on to more epochs; see `going_on`. Only one
    process has it: it is locked until this process ends.

    Args:
        run_dir: The run's folder.
        spec: The run's spec.
        say: Called with a line about what was found damaged, and what is done instead.

    Raises:
        InputError: If another process is training the run.
    """

    def __init__(
        self, run_dir: Path, spec: Mapping[str, Any], say: Callable[[str], None] = print
    ) -> None:
        self.path, self.last, self.say = run_dir / WORK, run_dir / LAST, say
        self._state_path = self.path / STATE
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock = WriterLock(self.path / LOCK)
        self._lock.acquire(say)
        self.checkpoints = CheckpointStore(self.path, self.rows_path)
        mark = fingerprint(spec)
        state = self._read_state()
        if state is not None and state["fingerprint"] != mark:
            state = self._longer(self.path, state, spec, mark)
            if state is None:
                self._clear()  # code, data or config have changed
        if state is None and (ended := going_on.read_state(self.last)):
            state = self._longer(self.last, ended, spec, mark)
        self.checkpoints.remove_leftovers()
        self.state: dict[str, Any] = state or {"fingerprint": mark, "resumed_from": []}
        self.save_state()

    def _longer(
        self, folder: Path, state: dict[str, Any], spec: Mapping[str, Any], mark: dict[str, str]
    ) -> dict[str, Any] | None:
        """Returns the state of a training that goes on from another one; None if it cannot."""
        place = going_on.place_to_go_on(folder, state, spec, mark, self.say)
        if place is None:
            return None
        if folder == self.last:
            going_on.take_last(self.last, self.path)
        shutil.rmtree(self.path / EPOCHS, ignore_errors=True)  # those of the shorter schedule
        return {**state, "fingerprint": mark, "went_on": [*state.get("went_on", []), place]}

    def _read_state(self) -> dict[str, Any] | None:
        if not self._state_path.exists():
            self._clear()
            return None
        if state := going_on.read_state(self.path):
            return state
        self.say(f"{shown(self._state_path)} is damaged: training starts again")
        self._clear()
        return None

    def _clear(self) -> None:
        """Empties the folder; the lock stays."""
        for path in self.path.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != LOCK:
                path.unlink()

    def save_state(self) -> None:
        """Writes the state atomically."""
        write_record(self._state_path, self.state)

    @property
    def rows_path(self) -> Path:
        """The file of the recorded rows, one JSON object per line."""
        return self.path / PROGRESS

    def start_again(self) -> None:
        """Removes the checkpoints, so that training starts again."""
        self.checkpoints.clear()
        self.state = {"fingerprint": self.state["fingerprint"], "resumed_from": []}

    def rows_until(self, iteration: int) -> list[dict[str, Any]]:
        """Returns the recorded rows of the iterations 1, 2, ... up to and including one.

        They end before the first line that is not the row of the next iteration.
        """
        rows: list[dict[str, Any]] = []
        if self.rows_path.is_file():
            with self.rows_path.open("rb") as lines:
                for line in lines:
                    if len(rows) == iteration or iteration_of(line) != len(rows) + 1:
                        break
                    rows.append(json.loads(line))
        return rows

    def cut_rows(self, iteration: int) -> None:
        """Removes all rows after an iteration. The others stay as they are, byte for byte."""
        lines = []
        if iteration:
            with self.rows_path.open("rb") as rows:
                lines = list(islice(rows, iteration))
        with atomic(self.rows_path) as temporary:
            temporary.write_bytes(b"".join(lines))

    def all_rows(self, iterations: int | None) -> list[dict[str, Any]]:
        """Returns the rows of a training that has ended.

        Args:
            iterations: How many rows there must be; None if the training diverged on the way.

        Raises:
            InputError: If rows are missing, damaged or more than these.
        """
        rows = self.rows_until(sys.maxsize)
        lines = len(self.rows_path.read_bytes().splitlines()) if self.rows_path.is_file() else 0
        wanted = lines if iterations is None else iterations
        if not len(rows) == lines == wanted:
            raise InputError(
                f"{shown(self.rows_path)} has {lines} lines, of which {len(rows)} are the rows of "
                f"{wanted} iterations: something else has changed it; run again to continue from "
                "the last checkpoint that fits"
            )
        return rows

    @property
    def went_on_at(self) -> int:
        """The iterations of the shorter training that this one goes on from; 0 if there is none."""
        went_on = self.state.get("went_on")
        return int(went_on[-1]["iteration"]) if went_on else 0

    def remove(self, *, keep_last: bool = False) -> None:
        """Deletes the folder. Call it after the outputs of the run have been written.

        Args:
            keep_last: Whether the last state is kept, so that a longer training goes on from it.
        """
        shutil.rmtree(self.last, ignore_errors=True)
        if keep_last:
            going_on.keep_last(self.path, self.last)
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.release()
