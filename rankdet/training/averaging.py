"""The exponential moving average of the weights (EMA), by mmengine's hook."""

from typing import Any

import torch
from mmengine.hooks import EMAHook

from rankdet.training.hooks import inner_model
from rankdet.training.steps import Steps


class AverageHook(EMAHook):
    """Averages the weights after optimiser steps; mmengine's hook does so after forward passes.

    Its average is in every checkpoint, so a resumed training goes on with it.

    Args:
        keep: The share of the old average that a step keeps, in (0, 1).
        steps: Which forward passes make a step.
    """

    def __init__(self, keep: float, steps: Steps) -> None:
        super().__init__(momentum=1 - keep)
        self.every = steps

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """Averages if the optimiser stepped."""
        if self.every.ends(runner.iter):
            super().after_train_iter(runner, batch_idx, data_batch, outputs)


def trained_weights(runner: Any) -> dict[str, torch.Tensor]:
    """Returns the weights that a run tests: the average if there is one.

    Buffers are those of the model. They have statistics of all processes, which are joined at the
    end of an epoch, after the last step of the average.
    """
    state = dict(inner_model(runner).state_dict())
    for hook in runner.hooks:
        if isinstance(hook, AverageHook):
            state |= {name: part.data for name, part in hook.ema_model.module.named_parameters()}
    return state
