"""The training record: one row per iteration, and the end of a training whose loss diverges."""

import json
import math
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import torch
from mmengine.hooks import Hook

from rankdet.losses.processes import process_count
from rankdet.training import rows, together
from rankdet.training.gradient_checks import FirstGradients, divergence
from rankdet.training.hooks import criterion_heads, inner_model
from rankdet.training.scalars import Clock, Moment, Scalar, on_host
from rankdet.training.steps import Steps
from rankdet.training.tracking import scalars

if TYPE_CHECKING:  # the import at run time must come after `environment.set_up`
    from rankdet.detectors.criterion_head import CriterionHead


class Diverged(RuntimeError):
    """The loss is not finite, so the training was stopped."""


def heads_record(heads: Sequence["CriterionHead"]) -> dict[str, float]:
    """Returns the columns of the heads for an iteration; see `rows.of_heads`."""
    return rows.of_heads(on_host([head.record() for head in heads]), prefixes(heads))


def prefixes(heads: Sequence["CriterionHead"]) -> list[str]:
    """Returns the prefix of each head's columns."""
    return [head.record_prefix for head in heads]


def peak_memory_mb(device: str) -> float:
    """Returns the peak memory of this process in MB: of CUDA's allocator, or resident memory."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@dataclass(frozen=True)
class ForwardPass:
    """What is recorded of a forward pass, with scalars that may still be on the device.

    Attributes:
        index: Its number in the training; the first has 0.
        start: When the pass before it ended.
        end: When it ended.
        values: Columns of the pass; without those of the heads and of times.
        heads: What each head recorded.
        times: Columns that follow those of the heads: `data_seconds`, `memory_mb`.
        factor: What the gradients were multiplied by.
    """

    index: int
    start: Moment
    end: Moment
    values: dict[str, Scalar]
    heads: list[dict[str, Scalar]]
    times: dict[str, float]
    factor: float


class RecordHook(Hook):
    """Appends one row per iteration (an optimiser step) to the training record.

    The main process writes; rows are of all processes and of all forward passes of the step.

    Args:
        path: JSON-lines file in the run's work folder.
        device: The device whose memory is recorded.
        steps: Which forward passes make an iteration.
        block: Forward passes whose values are read from the device together. Epochs end a block,
            so that a checkpoint follows only finite losses.
        log_every: Iterations between lines of the log; 0: no lines.
        tracked: Whether the runner's visualizer gets the means of the same iterations.
    """

    priority = "ABOVE_NORMAL"

    def __init__(
        self,
        path: Path,
        device: str,
        steps: Steps | None = None,
        block: int = 1,
        log_every: int = 0,
        tracked: bool = False,
    ) -> None:
        self.path = Path(path)
        self.device, self.steps = device, steps or Steps()
        self.block, self.log_every, self.tracked = block, log_every, tracked
        self.clock = Clock(device)
        self._heads: list[CriterionHead] = []  # found once: a search takes longer than the record
        self._pending: list[ForwardPass] = []  # not read from the device yet
        self._passes: list[rows.Row] = []  # of an iteration that has not ended
        self._unlogged: list[rows.Row] = []
        self._first = FirstGradients()
        self._row: rows.Row = {}  # of the last iteration
        self._file: TextIO | None = None
        self._start = self.clock.now()
        self._waits = self._data_end = time.perf_counter()

    def before_train(self, runner: Any) -> None:
        """Opens the record. The caller has removed the rows after the checkpoint."""
        self._file = self.path.open("a") if together.is_main() else None
        self._heads = criterion_heads(inner_model(runner))
        self._visualizer = runner.visualizer
        self._log, self._iterations = runner.logger.info, self.steps.count(runner.max_iters)
        self._start, self._waits = self.clock.now(), time.perf_counter()

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        """Stores the time at which loading ended, and clears the heads' records."""
        self._data_end = time.perf_counter()
        for head in self._heads:
            head.reset_record()

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """Stores what the pass has computed. The last pass of a block reads the block.

        Raises:
            Diverged: If a loss of the block is not finite.
        """
        end, start = self.clock.now(), self._start
        losses = {k.replace(".", "_"): _detached(v) for k, v in (outputs or {}).items()}
        values: dict[str, Scalar] = {
            "iteration": self.steps.count(runner.iter + 1),
            "epoch": runner.epoch + 1,
            "lr": _rate(runner),
            **losses,
        }
        waited, memory = self._data_end - self._waits, peak_memory_mb(self.device)
        times = {"data_seconds": waited, "memory_mb": memory}
        heads = [head.record() for head in self._heads]
        factor = getattr(runner.optim_wrapper, "gradient_factor", 1.0)
        self._pending.append(ForwardPass(runner.iter, start, end, values, heads, times, factor))
        self._start = end
        if len(self._pending) >= self.block:
            self.read()
        self._waits = time.perf_counter()

    def after_train_epoch(self, runner: Any) -> None:
        """Reads the rest of the epoch, before a checkpoint is written.

        Raises:
            Diverged: If a loss is not finite.
        """
        self.read()

    def after_train(self, runner: Any) -> None:
        """Closes the record."""
        self.close()

    def close(self) -> None:
        """Closes the record, and sends what was not sent yet; also after an error."""
        if self._file is not None:
            self._file.close()
        if self.tracked and self._file is not None:
            self._send()
            self._visualizer.close()
        self._file = None

    def _send(self) -> None:
        if self._unlogged:
            self._visualizer.add_scalars(scalars(self._unlogged), self._unlogged[-1]["iteration"])
        self._unlogged = []

    def read(self) -> None:
        """Reads all stored passes from the device, and writes the rows of finished iterations.

        Every process must call it after the same pass.

        Raises:
            Diverged: If a loss is not finite. Rows after it are not written.
            InputError: If a loss had no gradient in the first iterations.
        """
        stored, self._pending = self._pending, []
        of_processes = zip(*together.of_all(self._rows(stored)), strict=True)
        for one, found in zip(stored, of_processes, strict=True):
            self._passes.append(rows.of_processes(found))
            last = self._passes[-1]
            finite = _is_finite(last)
            if self.steps.ends(one.index) or not finite:
                row = rows.of_passes(self._passes)
                self._write(row)
                self._first.add(row, self._heads)
                self._passes = []
            if not finite:
                raise Diverged(divergence(last, self._row, self._heads))
            self._row = row if self.steps.ends(one.index) else self._row

    def cause_of_failure(self) -> str | None:
        """Returns which loss is not finite, if the training failed in the block after it.

        The rows of the block are written, too. One of several processes only looks at its own
        losses: the others may have ended.
        """
        try:
            if process_count() == 1:
                self.read()
            found = self._rows(self._pending)
        except Diverged as error:
            return str(error)
        except RuntimeError:  # the device has failed, and the training's error says why
            return None
        faulty = (row for row in found if not _is_finite(row))
        return next((divergence(row, self._row, self._heads) for row in faulty), None)

    def _rows(self, stored: Sequence[ForwardPass]) -> list[dict[str, float]]:
        """Returns the row of each pass in this process. The host waits for the device once."""
        numbers = iter(on_host([part for one in stored for part in (one.values, *one.heads)]))
        found = []
        for one in stored:
            row = next(numbers)
            heads = rows.of_heads([next(numbers) for _ in one.heads], prefixes(self._heads))
            for name in heads:  # the gradients of the unscaled loss
                if name.endswith(("grad_pos", "grad_neg")):
                    heads[name] /= one.factor
            seconds = self.clock.seconds(one.start, one.end)
            found.append({**row, **heads, "seconds": seconds, **one.times})
        return found

    def _write(self, row: rows.Row) -> None:
        if self._file is None:
            return
        self._file.write(json.dumps(row) + "\n")
        self._file.flush()
        self._unlogged.append(row)
        if self.log_every and row["iteration"] % self.log_every == 0:
            self._log(rows.line(self._unlogged, self._iterations))
            if self.tracked:
                self._send()
            self._unlogged = []


def record_hook(runner: Any) -> RecordHook:
    """Returns the hook that writes the training record of a runner."""
    return next(hook for hook in runner.hooks if isinstance(hook, RecordHook))


def _rate(runner: Any) -> float:
    """The learning rate; with factors for parts of the detector, the one without a factor."""
    rates = runner.optim_wrapper.get_lr()
    return float(rates.get("base_lr", rates["lr"])[0])


def _detached(value: Any) -> Scalar:
    return value.detach() if isinstance(value, torch.Tensor) else float(value)


def _is_finite(row: rows.Row) -> bool:
    return math.isfinite(row.get("loss", math.nan))
