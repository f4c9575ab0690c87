"""mmengine hooks: ends of epochs for self-balance, exact resume, progress."""

import math
import random
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from mmengine.hooks import Hook, RuntimeInfoHook
from mmengine.model import is_model_wrapper
from mmengine.registry import HOOKS

from rankdet.losses.balance import Balance
from rankdet.training import together
from rankdet.training.steps import Steps

if TYPE_CHECKING:  # the import at run time must come after `environment.set_up`
    from rankdet.detectors.criterion_head import CriterionHead


def inner_model(runner: Any) -> torch.nn.Module:
    """Returns the detector without its distributed wrapper."""
    wrapped = is_model_wrapper(runner.model)
    model: torch.nn.Module = runner.model.module if wrapped else runner.model
    return model


def criterion_heads(model: torch.nn.Module) -> list["CriterionHead"]:
    """Returns all heads of the detector that have a criterion."""
    from rankdet.detectors.criterion_head import CriterionHead

    return [module for module in model.modules() if isinstance(module, CriterionHead)]


class EpochSeedHook(Hook):
    """Seeds all generators with (seed, epoch), so that resumed and uninterrupted runs are equal.

    Processes after the first also use their rank, so that each one samples differently. Images have
    draws of their own; see `image_draws`.
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
        self._balances: list[Balance] | None = None

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
        if self._balances is None:  # searched once: a model has thousands of modules
            modules = inner_model(runner).modules()
            self._balances = [module for module in modules if isinstance(module, Balance)]
        for balance in self._balances:
            period = getattr(balance, "period", None)
            ends = done % period == 0 if period else True
            if bool(period) == periodic and ends:
                balance.end_epoch(warming_up=done < self.warmup)


@HOOKS.register_module()
class PlainInfoHook(RuntimeInfoHook):
    """mmengine's information about the run, without losses: it would read them one by one."""

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        """Stores the number of the iteration."""
        runner.message_hub.update_info("iter", runner.iter)

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """Stores nothing: the training record has the losses."""


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
        self.report(done, total, pace, self._loss(outputs))

    @staticmethod
    def _loss(outputs: dict | None) -> float:
        loss = (outputs or {}).get("loss", math.nan)
        return float(loss.detach() if isinstance(loss, torch.Tensor) else loss)


class InertCheckpointHook(Hook):
    """Removes from mmengine's checkpoints what could do more than hold values.

    mmengine stores objects of its log (with bound methods) in a checkpoint. When it resumes, it
    runs the text `meta.config` as Python, and deletes the files that the list of kept checkpoints
    names. A run needs none of these.
    """

    def before_save_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        """Leaves out the log and the config."""
        _clean(checkpoint)

    def after_load_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        """Leaves out the log and the config, whoever wrote the file."""
        _clean(checkpoint)


def _clean(checkpoint: dict[str, Any]) -> None:
    parts = ("log_scalars", "runtime_info", "resumed_keys")
    checkpoint["message_hub"] = {part: OrderedDict() for part in parts}
    checkpoint["meta"].pop("config", None)
