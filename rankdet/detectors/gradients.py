"""Gradient magnitudes of positives and negatives at the logits, as in aLRP's Figure 4."""

import math

import torch
from torch import Tensor


class GradientBalance:
    """Counts positives and negatives, and sums |∂L/∂s| over each in the backward pass.

    L is the total loss that the optimiser minimises. The float64 sums stay on the device until they
    are read, so the host does not wait.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Clears the values of the last iteration."""
        self.positive: Tensor | None = None
        self.negative: Tensor | None = None
        self._counts: tuple[int, Tensor] | None = None

    def watch(self, logits: Tensor, labels: Tensor, ignore: Tensor, rows: Tensor) -> None:
        """Registers a hook on the logits of one forward pass.

        Args:
            logits: (A, C), part of the graph.
            labels: (A,) int64: class index, or C for background.
            ignore: (A,) bool.
            rows: (P,) int64 indices of the positives.
        """
        self.reset()
        columns = labels[rows]
        self._counts = len(rows), (~ignore).sum() - len(rows)
        if not logits.requires_grad:
            return

        # The hook must not refer to the logits: they would keep each other, and with them the graph
        # of every iteration, until the process ends. Python's garbage collector cannot see it.
        nothing = torch.zeros((), dtype=torch.float64, device=logits.device)

        def measure(gradient: Tensor | None) -> None:
            if gradient is None:  # the backward pass of a loss returned None
                self.positive = self.negative = nothing
                return
            magnitude = gradient.detach().abs()
            self.positive = magnitude[rows, columns].sum(dtype=torch.float64)
            rest = magnitude.sum(dtype=torch.float64) - self.positive
            self.negative = rest.clamp(min=0)

        logits.register_hook(measure)

    def read(self) -> tuple[float | Tensor, float | Tensor]:
        """Returns the sums over positives and negatives (scalars on the device).

        Without a backward pass they are NaN.
        """
        if self.positive is None or self.negative is None:
            return math.nan, math.nan
        return self.positive, self.negative

    def counts(self) -> tuple[int, int | Tensor]:
        """Returns the numbers of positive and negative instances (anchors, points, proposals).

        The second is a scalar on the device.
        """
        return (0, 0) if self._counts is None else self._counts
