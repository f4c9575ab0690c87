"""Measures the balance of positives and negatives at the logits, as in aLRP's Figure 4."""

import math

import torch
from torch import Tensor


class GradientBalance:
    """Counts positives and negatives, and sums |∂L/∂s| over each in the backward pass.

    The sums are of the loss as the optimiser sees it, in float64, and stay on the device until
    they are read, so that watching costs no synchronisation.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forgets the last iteration."""
        self.positive: Tensor | None = None
        self.negative: Tensor | None = None
        self._counts: tuple[int, Tensor] | None = None

    def watch(self, logits: Tensor, labels: Tensor, ignore: Tensor) -> None:
        """Hooks one forward's logits.

        Args:
            logits: (A, C), part of the graph.
            labels: (A,) int64, class index, C for background.
            ignore: (A,) bool.
        """
        self.reset()
        rows = ((labels < logits.shape[1]) & ~ignore).nonzero().squeeze(1)
        columns = labels[rows]
        self._counts = len(rows), (~ignore).sum() - len(rows)
        if not logits.requires_grad:
            return

        def measure(gradient: Tensor) -> None:
            magnitude = gradient.detach().abs()
            self.positive = magnitude[rows, columns].sum(dtype=torch.float64)
            self.negative = magnitude.sum(dtype=torch.float64) - self.positive

        logits.register_hook(measure)

    def read(self) -> tuple[float, float]:
        """Returns (Σ over positives, Σ over negatives) of the last backward; NaN before any."""
        if self.positive is None or self.negative is None:
            return math.nan, math.nan
        return float(self.positive), max(float(self.negative), 0.0)

    def counts(self) -> tuple[int, int]:
        """Returns how many instances (anchors, points, proposals) were positive, and negative."""
        if self._counts is None:
            return 0, 0
        return self._counts[0], int(self._counts[1])
