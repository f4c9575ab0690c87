"""Optimiser steps of several forward passes (accumulation), and their precision."""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from mmengine.hooks import ParamSchedulerHook
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.registry import HOOKS, OPTIM_WRAPPERS
from torch import Tensor, nn

from rankdet.errors import InputError


@dataclass(frozen=True)
class Steps:
    """Which forward passes make an optimiser step.

    A step never crosses the end of an epoch, so that a run can be resumed there: the last step of
    an epoch may consist of fewer passes.

    Attributes:
        accumulate: Forward passes of a step.
        epoch_length: Forward passes of an epoch.
    """

    accumulate: int = 1
    epoch_length: int = 1

    @property
    def per_epoch(self) -> int:
        """The number of optimiser steps in an epoch."""
        return math.ceil(self.epoch_length / self.accumulate)

    def passes(self, index: int) -> int:
        """Returns how many passes the step of a pass has; the first pass of all has index 0."""
        place = index % self.epoch_length
        start = place - place % self.accumulate
        return min(self.accumulate, self.epoch_length - start)

    def ends(self, index: int) -> bool:
        """Returns whether the optimiser steps after this pass."""
        place = index % self.epoch_length + 1
        return place % self.accumulate == 0 or place == self.epoch_length

    def count(self, passes: int) -> int:
        """Returns the number of steps to which the first `passes` passes belong."""
        epochs, rest = divmod(passes, self.epoch_length)
        return epochs * self.per_epoch + math.ceil(rest / self.accumulate)


class BySteps:
    """Mixin over mmengine's optimiser wrappers: a mean gradient over the passes of each step.

    Args:
        accumulate: As in `Steps`.
        epoch_length: As in `Steps`.
    """

    _inner_count: int
    optimizer: torch.optim.Optimizer
    clip_func: Callable[..., Any]
    clip_grad_kwargs: dict[str, Any]

    def __init__(self, *, accumulate: int, epoch_length: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.steps = Steps(accumulate, epoch_length)
        self.gradient_factor = 1.0  # the last backward pass scaled the loss by this

    def initialize_count_status(self, model: nn.Module, init_counts: int, max_counts: int) -> None:
        """Starts, or resumes after an epoch."""
        self._inner_count = init_counts

    def should_update(self) -> bool:
        """Returns whether the pass just finished was the last one of its step."""
        return self.steps.ends(self._inner_count - 1)

    def should_sync(self) -> bool:
        """Returns whether the pass about to start is the last one of its step."""
        return self.steps.ends(self._inner_count)

    def scale_loss(self, loss: Tensor) -> Tensor:
        """Divides the loss by the number of passes of its step."""
        passes = self.steps.passes(self._inner_count)
        self.gradient_factor = self._loss_scale() / passes
        return loss / passes

    def _loss_scale(self) -> float:
        return 1.0

    def _clip_grad(self) -> None:
        """Scales a large gradient down. mmengine would also read its norm from the device."""
        groups = self.optimizer.param_groups
        found = [p for group in groups for p in group["params"] if p.grad is not None]
        if found:
            self.clip_func(found, **self.clip_grad_kwargs)


@OPTIM_WRAPPERS.register_module()
class StepsOptimWrapper(BySteps, OptimWrapper):
    """Steps in float32, or with bfloat16 in forward passes (on a CPU too).

    Args:
        bf16: Whether forward passes run under bfloat16 autocast; losses stay in float32.
        device_type: `cpu` or `cuda`.
        options: As for `BySteps` and mmengine's `OptimWrapper`.
    """

    def __init__(self, *, bf16: bool = False, device_type: str = "cpu", **options: Any) -> None:
        super().__init__(**options)
        self.bf16, self.device_type = bf16, device_type

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Enters autocast, and leaves gradients unsynchronised until the step's last pass."""
        cast = torch.autocast(self.device_type, torch.bfloat16, enabled=self.bf16)
        with super().optim_context(model), cast:
            yield


@OPTIM_WRAPPERS.register_module()
class StepsAmpOptimWrapper(BySteps, AmpOptimWrapper):
    """Steps with float16 in forward passes and a dynamic loss scale; CUDA only."""

    def _loss_scale(self) -> float:
        return float(self.loss_scaler.get_scale())


@HOOKS.register_module()
class StepsParamSchedulerHook(ParamSchedulerHook):
    """Changes learning rates after optimiser steps instead of forward passes.

    Args:
        accumulate: As in `Steps`.
        epoch_length: As in `Steps`.
    """

    def __init__(self, accumulate: int, epoch_length: int) -> None:
        self.steps = Steps(accumulate, epoch_length)

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """Changes the rates if the optimiser stepped."""
        if self.steps.ends(runner.iter):
            super().after_train_iter(runner, batch_idx, data_batch, outputs)


def with_steps(
    wrapper: Mapping[str, Any], steps: Steps, precision: str, device: str
) -> dict[str, Any]:
    """Returns an optimiser wrapper's config with accumulation and precision.

    Args:
        wrapper: Config of a plain `OptimWrapper`; unchanged for single passes in fp32 without
            `clip_grad`.
        steps: The run's steps.
        precision: `fp32`, `bf16` or `fp16`.
        device: As `environment.set_up` returned it.

    Raises:
        InputError: If `precision` is fp16 on a CPU.
    """
    if precision == "fp32" and steps.accumulate == 1 and not wrapper.get("clip_grad"):
        return dict(wrapper)
    sizes = {"accumulate": steps.accumulate, "epoch_length": steps.epoch_length}
    if precision != "fp16":
        kind = {"type": "StepsOptimWrapper", "bf16": precision == "bf16"}
        return {**wrapper, **kind, **sizes, "device_type": device.partition(":")[0]}
    if not device.startswith("cuda"):
        raise InputError("precision: fp16 needs a GPU, and this run has none; use bf16 or fp32")
    return {**wrapper, "type": "StepsAmpOptimWrapper", "dtype": "float16", **sizes}
