"""Measures the balance of positives and negatives at the logits, as in aLRP's Figure 4."""

import torch
from torch import Tensor


class GradientBalance:
    """Sums |∂L/∂s| over positive and over negative logits in each backward pass.

    The sums are of the loss as the optimiser sees it, in float64, and stay on the device until
    they are read, so that watching costs no synchronisation.
    """

    def __init__(self) -> None:
        self.positive: Tensor | None = None
        self.negative: Tensor | None = None

    def watch(self, logits: Tensor, labels: Tensor, ignore: Tensor) -> None:
        """Hooks one forward's logits.

        Args:
            logits: (A, C), part of the graph.
            labels: (A,) int64, class index, C for background.
            ignore: (A,) bool.
        """
        self.positive = self.negative = None
        if not logits.requires_grad:
            return
        rows = ((labels < logits.shape[1]) & ~ignore).nonzero().squeeze(1)
        columns = labels[rows]

        def measure(gradient: Tensor) -> None:
            magnitude = gradient.detach().abs()
            self.positive = magnitude[rows, columns].sum(dtype=torch.float64)
            self.negative = magnitude.sum(dtype=torch.float64) - self.positive

        logits.register_hook(measure)

    def read(self) -> tuple[float, float]:
        """Returns (Σ over positives, Σ over negatives) of the last backward; NaN before any."""
        if self.positive is None or self.negative is None:
            return float("nan"), float("nan")
        return float(self.positive), max(float(self.negative), 0.0)
