"""Resuming a run: its `work/` folder and its checkpoints."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from rankdet.files import atomic, write_record
from rankdet.results.layout import PROGRESS, WORK


def fingerprint(spec: Mapping[str, Any]) -> dict[str, str]:
    """Returns the hashes and the seed. A run can be resumed only if they have not changed."""
    return {**{k: str(v) for k, v in spec.get("hashes", {}).items()}, "seed": str(spec["seed"])}


def save_model(runner: Any, spec: Mapping[str, Any], path: Path, **more: Any) -> None:
    """Saves the weights of a runner's model atomically, with the keys of the run.

    Args:
        runner: The mmengine runner.
        spec: The run's spec.
        path: Where to write.
        more: Further keys of `meta`.
    """
    from rankdet.training.hooks import inner_model

    state = {name: value.cpu() for name, value in inner_model(runner).state_dict().items()}
    meta = {key: spec[key] for key in ("dataset", "detector", "loss", "variant", "seed", "preset")}
    with atomic(path) as temporary:
        torch.save({"state_dict": state, "meta": {**meta, **more}}, temporary)


class Workspace:
    """The `work/` folder of a run, with checkpoints, recorded rows and a resume history.

    Snakemake does not know the folder, so it does not delete it. If the fingerprint has changed,
    the folder is cleared.
    """

    def __init__(self, run_dir: Path, spec: Mapping[str, Any]) -> None:
        self.path = run_dir / WORK
        self._state_path = self.path / "state.json"
        mark = fingerprint(spec)
        state = self._read_state()
        if state is not None and state.get("fingerprint") != mark:
            shutil.rmtree(self.path)  # code, data or config have changed
            state = None
        self.path.mkdir(parents=True, exist_ok=True)
        self.state: dict[str, Any] = state or {"fingerprint": mark, "resumed_from": []}
        self.save_state()

    def _read_state(self) -> dict[str, Any] | None:
        if not self.path.exists():
            return None
        try:
            return json.loads(self._state_path.read_text())
        except (OSError, ValueError):
            return {}  # unreadable: it differs from every fingerprint, so the folder is cleared

    def save_state(self) -> None:
        """Writes the state atomically."""
        write_record(self._state_path, self.state)

    @property
    def rows_path(self) -> Path:
        """The file of the recorded rows, one JSON object per line."""
        return self.path / PROGRESS

    def latest_checkpoint(self) -> Path | None:
        """Returns the last complete checkpoint, or None."""
        pointer = self.path / "last_checkpoint"
        if not pointer.is_file():
            return None
        path = self.path / Path(pointer.read_text().strip()).name
        return path if path.is_file() else None

    def forget_checkpoints(self) -> None:
        """Removes the checkpoints, so that training starts again."""
        (self.path / "last_checkpoint").unlink(missing_ok=True)
        for path in self.path.glob("*.pth"):
            path.unlink()
        self.state = {"fingerprint": self.state["fingerprint"], "resumed_from": []}

    def rows_until(self, iteration: int) -> list[dict[str, Any]]:
        """Returns the recorded rows up to and including an iteration, without incomplete lines."""
        rows = []
        if self.rows_path.is_file():
            for line in self.rows_path.read_text().splitlines():
                try:
                    row = json.loads(line)
                except ValueError:
                    break
                if row["iteration"] <= iteration:
                    rows.append(row)
        return rows

    def remove(self) -> None:
        """Deletes the folder. Call it after the outputs of the run have been written."""
        shutil.rmtree(self.path, ignore_errors=True)
