"""Resume: what makes a `work/` folder continue a run, and how its checkpoints are read."""

import collections
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rankdet.files import write_record
from rankdet.results.layout import PROGRESS, WORK


def allow_mmengine_checkpoints() -> None:
    """Registers the harmless classes in mmengine's checkpoints.

    torch reads checkpoints with `weights_only=True`, which refuses mmengine 0.10.7's own message
    hub; the protection itself stays on.
    """
    from mmengine.logging.history_buffer import HistoryBuffer

    torch.serialization.add_safe_globals(
        [
            HistoryBuffer,
            collections.deque,
            getattr,  # mmengine's buffers store bound methods by name
            np.ndarray,
            np.dtype,
            np._core.multiarray._reconstruct,
            np._core.multiarray.scalar,
            *(type(np.dtype(kind)) for kind in ("f4", "f8", "i4", "i8", "bool")),
        ]
    )


def fingerprint(spec: Mapping[str, Any]) -> dict[str, str]:
    """Returns what must be unchanged for a resume: config, code, loss and data hashes, the seed."""
    return {**{k: str(v) for k, v in spec.get("hashes", {}).items()}, "seed": str(spec["seed"])}


class Workspace:
    """The undeclared `work/` folder of a run: checkpoints, rows so far, resume history."""

    def __init__(self, run_dir: Path, spec: Mapping[str, Any]) -> None:
        self.path = run_dir / WORK
        self._state_path = self.path / "state.json"
        mark = fingerprint(spec)
        state = self._read_state()
        if state is not None and state.get("fingerprint") != mark:
            shutil.rmtree(self.path)  # code, data or config changed: it is another run
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
            return {}  # unreadable: never equal to a fingerprint, so the folder is wiped

    def save_state(self) -> None:
        """Writes the state in one move, so that a kill never leaves half a file."""
        write_record(self._state_path, self.state)

    @property
    def rows_path(self) -> Path:
        """Where the training record's rows are appended, one JSON object per line."""
        return self.path / PROGRESS

    def latest_checkpoint(self) -> Path | None:
        """Returns the last checkpoint that was written whole, if any."""
        pointer = self.path / "last_checkpoint"
        if not pointer.is_file():
            return None
        path = self.path / Path(pointer.read_text().strip()).name
        return path if path.is_file() else None

    def rows_until(self, iteration: int) -> list[dict[str, Any]]:
        """Returns the recorded rows up to and including an iteration; drops a torn last line."""
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
        """Deletes the folder once the run's outputs are in place."""
        shutil.rmtree(self.path, ignore_errors=True)
