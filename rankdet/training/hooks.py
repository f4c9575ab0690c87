"""mmengine hooks: training record, ends of epochs for self-balance, exact resume, progress."""

import json
import math
import random
import resource
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np
import torch
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper

from rankdet.losses.balance import Balance
from rankdet.training import rows, together
from rankdet.training.steps import Steps

if TYPE_CHECKING:  # the import at run time must come after `environment.set_up`
    from rankdet.detectors.criterion_head import CriterionHead


class Diverged(RuntimeError):
    """The loss is not finite, so the training was stopped."""


def inner_model(runner: Any) -> torch.nn.Module:
    """Returns the detector without its distributed wrapper."""
    wrapped = is_model_wrapper(runner.model)
    model: torch.nn.Module = runner.model.module if wrapped else runner.model
    return model


def criterion_heads(model: torch.nn.Module) -> list["CriterionHead"]:
    """Returns all heads of the detector that have a criterion."""
    from rankdet.detectors.criterion_head import CriterionHead

    return [module for module in model.modules() if isinstance(module, CriterionHead)]


def heads_record(heads: Sequence["CriterionHead"]) -> dict[str, float]:
    """Returns the columns of the heads for an iteration.

    If there are several heads (RPN, stages of R-CNN), each has columns with its prefix. The columns
    without prefix are then sums over the heads, and `balance_weight` is that of the last head.
    """
    records = [head.record() for head in heads]
    if len(records) < 2:
        return records[0] if records else {}
    row: dict[str, float] = {"balance_weight": records[-1]["balance_weight"]}
    for name in ("num_pos", "num_neg", "grad_pos", "grad_neg"):
        row[name] = sum(record[name] for record in records)
    for head, record in zip(heads, records, strict=True):
        row |= {f"{head.record_prefix}{name}": value for name, value in record.items()}
    return row


def peak_memory_mb(device: str) -> float:
    """Returns the peak memory of this process in MB: of CUDA's allocator, or resident memory."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class EpochSeedHook(Hook):
    """Seeds all generators with (seed, epoch), so that resumed and uninterrupted runs are equal.

    Processes after the first also use their rank, so that each one augments differently.
    """

    priority = "VERY_HIGH"

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def before_train_epoch(self, runner: Any) -> None:
        """Seeds Python, NumPy and torch for the next epoch."""
        rank = together.rank()
        numbers = [self.seed, runner.epoch, *([rank] if rank else [])]
        value = int(np.random.SeedSequence(numbers).generate_state(1)[0])
        random.seed(value)
        np.random.seed(value)  # noqa: NPY002  (mmcv's transforms draw from the global generator)
        torch.manual_seed(value)


class EndEpochHook(Hook):
    """Ends the epoch of every balance.

    Balances keep their first weight until the end of the warm-up; see `SelfBalanceEpoch.end_epoch`.

    Args:
        warmup: Number of iterations of the warm-up.
        steps: Which forward passes make an iteration.
    """

    priority = "HIGH"  # before the checkpoint of that epoch is written

    def __init__(self, warmup: int = 0, steps: Steps | None = None) -> None:
        self.warmup, self.steps = warmup, steps or Steps()

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """Calls `end_epoch` of balances with a separate period, at the end of each period."""
        if self.steps.ends(runner.iter):
            self._end(runner, self.steps.count(runner.iter + 1), periodic=True)

    def after_train_epoch(self, runner: Any) -> None:
        """Calls `end_epoch` of the other balances."""
        self._end(runner, self.steps.count(runner.iter), periodic=False)

    def _end(self, runner: Any, done: int, *, periodic: bool) -> None:
        for module in inner_model(runner).modules():
            period = getattr(module, "period", None)
            ends = done % period == 0 if period else True
            if isinstance(module, Balance) and bool(period) == periodic and ends:
                module.end_epoch(warming_up=done < self.warmup)


class RecordHook(Hook):
    """Appends one row per iteration (an optimiser step) to the training record.

    The main process writes; rows are of all processes and of all forward passes of the step.

    Args:
        path: JSON-lines file in the run's work folder.
        device: The device whose memory is recorded.
        steps: Which forward passes make an iteration.
    """

    priority = "ABOVE_NORMAL"

    def __init__(self, path: Path, device: str, steps: Steps | None = None) -> None:
        self.path = Path(path)
        self.device, self.steps = device, steps or Steps()
        self._passes: list[rows.Row] = []
        self._file: TextIO | None = None
        self._start = self._data_end = time.perf_counter()

    def before_train(self, runner: Any) -> None:
        """Opens the record. The caller has removed the rows after the checkpoint."""
        self._file = self.path.open("a") if together.is_main() else None
        self._start = time.perf_counter()

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        """Stores the time at which loading ended, and clears the heads' records."""
        self._data_end = time.perf_counter()
        for head in criterion_heads(inner_model(runner)):
            head.reset_record()

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """Writes the row.

        Raises:
            Diverged: If the loss is not finite.
        """
        values = {k.replace(".", "_"): float(value) for k, value in (outputs or {}).items()}
        now = time.perf_counter()
        row = {
            "iteration": self.steps.count(runner.iter + 1),
            "epoch": runner.epoch + 1,
            "lr": runner.optim_wrapper.get_lr()["lr"][0],
            **values,
            **self._heads(runner),
            "seconds": now - self._start,
            "data_seconds": self._data_end - self._start,
            "memory_mb": peak_memory_mb(self.device),
        }
        self._start = now
        self._passes.append(rows.of_processes(together.of_all(row)))
        loss = self._passes[-1].get("loss", math.nan)
        if self.steps.ends(runner.iter) or not math.isfinite(loss):
            self._write(rows.of_passes(self._passes))
            self._passes = []
        if not math.isfinite(loss):
            raise Diverged(f"loss is {loss} at iteration {row['iteration']}")

    def _heads(self, runner: Any) -> dict[str, float]:
        """The heads' columns; gradients are those of the unscaled loss of the pass."""
        found = heads_record(criterion_heads(inner_model(runner)))
        factor = getattr(runner.optim_wrapper, "gradient_factor", 1.0)
        if factor == 1:
            return found
        scaled = ("grad_pos", "grad_neg")
        return {n: value / factor if n.endswith(scaled) else value for n, value in found.items()}

    def _write(self, row: rows.Row) -> None:
        if self._file is not None:
            self._file.write(json.dumps(row) + "\n")
            self._file.flush()

    def after_train(self, runner: Any) -> None:
        """Closes the record."""
        if self._file is not None:
            self._file.close()


class ProgressHook(Hook):
    """Reports progress to a callback at regular steps and at the end.

    Args:
        report: Called with (iteration, iterations, seconds per iteration, loss).
        steps: Which forward passes make an iteration.
        times: Number of reports in the whole training.
    """

    priority = "LOW"

    def __init__(
        self,
        report: Callable[[int, int, float, float], None],
        steps: Steps | None = None,
        times: int = 10,
    ) -> None:
        self.report = report
        self.steps, self.times = steps or Steps(), times

    def before_train(self, runner: Any) -> None:
        """Stores the start time."""
        self._first, self._begin = self.steps.count(runner.iter), time.perf_counter()

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """Calls the callback if this iteration completes a part of the training."""
        done, total = (self.steps.count(n) for n in (runner.iter + 1, runner.max_iters))
        passed = done * self.times // total == (done - 1) * self.times // total
        if passed or not self.steps.ends(runner.iter):
            return
        pace = (time.perf_counter() - self._begin) / (done - self._first)
        self.report(done, total, pace, float((outputs or {}).get("loss", math.nan)))
