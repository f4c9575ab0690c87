"""Draws the gradient rates of negatives to positives over a training (aLRP paper, Figure 4)."""

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from rankdet.charts.chart import Chart, Series
from rankdet.evaluation.metrics.gradient_balance import rate_summary


def rate_chart(curves: Mapping[str, pd.DataFrame]) -> Chart:
    """Gradient rates over iterations on a logarithmic axis; 1 is perfect balance."""
    described = (_describe(name, rate_summary(c["mean"])) for name, c in curves.items())
    alt = "Rate of the gradient magnitudes of negatives to positives over the iterations: "
    return Chart(
        name="rate",
        alt=f"{alt}{'; '.join(described)}.",
        x_label="iteration",
        y_label="Σ|∂L/∂s| of negatives / positives",
        series=tuple(in_panel(name, curve) for name, curve in curves.items()),
        log=True,
        y_limits=(0.5, 2.0),
        y_format="rate",
    )


def in_panel(name: str, curve: pd.DataFrame) -> Series:
    """A curve in a panel of its own: curves of several losses would hide each other."""
    return replace(Series.of_band(name, curve), panel=name)


def _describe(name: str, found: Mapping[str, float | int | None]) -> str:
    low, high = found["min_rate_inverse"], found["max_rate"]
    smallest = "0" if low is None else f"1/{low:.3f}"
    return f"{name} has no rate" if high is None else f"{name} {smallest} to {high:.3f}"
