"""mmengine hooks: the training record, real epochs for self-balance, exact resume, progress."""

import json
import math
import random
import resource
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper

from rankdet.losses.balance import Balance


class Diverged(RuntimeError):
    """The loss is no longer finite; training on would change nothing."""


def inner_model(runner: Any) -> torch.nn.Module:
    """Returns the detector without its distributed wrapper."""
    return runner.model.module if is_model_wrapper(runner.model) else runner.model


def criterion_heads(model: torch.nn.Module) -> list[torch.nn.Module]:
    """Returns every module of the detector that holds a criterion."""
    return [module for module in model.modules() if hasattr(module, "gradient_balance")]


def heads_record(heads: Sequence[torch.nn.Module]) -> dict[str, float]:
    """Returns the heads' columns of an iteration.

    Of several heads (RPN, the stages of R-CNN) each has its own columns, with its
    prefix; those without a prefix are sums over the heads, and the last one's `balance_weight`.
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
    """Returns the peak memory of this process in MB: CUDA's allocator's, else resident memory."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class EpochSeedHook(Hook):
    """Seeds every generator from (seed, epoch), so that a resumed run equals an unbroken one."""

    priority = "VERY_HIGH"

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def before_train_epoch(self, runner: Any) -> None:
        """Seeds python, NumPy and torch for the epoch about to start."""
        value = int(np.random.SeedSequence([self.seed, runner.epoch]).generate_state(1)[0])
        random.seed(value)
        np.random.seed(value)  # noqa: NPY002  (mmcv's transforms draw from the global generator)
        torch.manual_seed(value)


class EndEpochHook(Hook):
    """Tells each criterion's balance that a real epoch of the data has ended.

    Balances keep their first weight until the warm-up is over: see `SelfBalanceEpoch.end_epoch`.

    Args:
        warmup: Iterations of the warm-up.
    """

    priority = "HIGH"  # before the checkpoint of that epoch is written

    def __init__(self, warmup: int = 0) -> None:
        self.warmup = warmup

    def after_train_epoch(self, runner: Any) -> None:
        """Calls `end_epoch` of every balance."""
        for module in inner_model(runner).modules():
            if isinstance(module, Balance):
                module.end_epoch(warming_up=runner.iter < self.warmup)


class RecordHook(Hook):
    """Appends one row per iteration to the training record.

    Args:
        path: JSON-lines file in the run's work folder.
        device: For the memory column.
    """

    priority = "ABOVE_NORMAL"

    def __init__(self, path: Path, device: str) -> None:
        self.path = Path(path)
        self.device = device
        self._start = self._data_end = time.perf_counter()

    def before_train(self, runner: Any) -> None:
        """Opens the record; rows after the checkpoint were dropped by the caller."""
        self._file = self.path.open("a")
        self._start = time.perf_counter()

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        """Marks the end of loading."""
        self._data_end = time.perf_counter()
        for head in criterion_heads(inner_model(runner)):
            head.reset_record()

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """Writes the row and stops a run whose loss is no longer finite."""
        values = {k.replace(".", "_"): float(value) for k, value in (outputs or {}).items()}
        now = time.perf_counter()
        row = {
            "iteration": runner.iter + 1,
            "epoch": runner.epoch + 1,
            "lr": runner.optim_wrapper.get_lr()["lr"][0],
            **values,
            **heads_record(criterion_heads(inner_model(runner))),
            "seconds": now - self._start,
            "data_seconds": self._data_end - self._start,
            "memory_mb": peak_memory_mb(self.device),
        }
        self._start = now
        self._file.write(json.dumps(row) + "\n")
        self._file.flush()
        if not math.isfinite(values.get("loss", math.nan)):
            raise Diverged(f"loss is {values.get('loss')} at iteration {row['iteration']}")

    def after_train(self, runner: Any) -> None:
        """Closes the record."""
        self._file.close()


class ProgressHook(Hook):
    """Reports progress to a callback at even steps and at the end.

    Args:
        report: Called with (iteration, iterations, seconds per iteration, loss).
        steps: How many reports over the whole training.
    """

    priority = "LOW"

    def __init__(self, report: Callable[[int, int, float, float], None], steps: int = 10) -> None:
        self.report = report
        self.steps = steps

    def before_train(self, runner: Any) -> None:
        """Starts the clock."""
        self._first, self._begin = runner.iter, time.perf_counter()

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """Reports where the iteration crosses a step."""
        done, total = runner.iter + 1, runner.max_iters
        if done * self.steps // total == (done - 1) * self.steps // total:
            return
        pace = (time.perf_counter() - self._begin) / (done - self._first)
        self.report(done, total, pace, float((outputs or {}).get("loss", math.nan)))
