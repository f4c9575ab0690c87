"""Balance between positives and negatives over a training (aLRP paper, Figure 4 and Theorem 2)."""

from collections.abc import Mapping, Sequence

import pandas as pd

from rankdet.charts.chart import Chart, Series
from rankdet.evaluation.metrics.gradient_balance import band, gradient_rates, rate_summary

COLUMNS = ["iteration", "grad_pos", "grad_neg", "loss_cls"]


def balance_charts(series: Mapping[str, Sequence[pd.DataFrame]]) -> list[Chart]:
    """The two panels of Figure 4: gradient rates and classification loss.

    Args:
        series: label to the training records of its runs (one a seed).
    """
    rate = {name: band([gradient_rates(f) for f in frames]) for name, frames in series.items()}
    loss = {
        name: band([f.set_index("iteration")["loss_cls"] for f in frames])
        for name, frames in series.items()
    }
    return [rate_chart(rate), _loss_chart(loss)]


def rate_chart(curves: Mapping[str, pd.DataFrame]) -> Chart:
    """Gradient rates over iterations on a logarithmic axis; 1 is perfect balance."""
    described = (_describe(name, rate_summary(c["mean"])) for name, c in curves.items())
    alt = "Rate of the gradient magnitudes of negatives to positives over the iterations: "
    return Chart(
        name="rate",
        alt=f"{alt}{'; '.join(described)}.",
        x_label="iteration",
        y_label="Σ|∂L/∂s| of negatives / positives",
        series=_series(curves),
        log=True,
        y_limits=(0.5, 2.0),
        y_format="rate",
    )


def _loss_chart(curves: Mapping[str, pd.DataFrame]) -> Chart:
    ends = (
        f"{name} from {c['mean'].iloc[0]:.2f} to {c['mean'].iloc[-1]:.2f}"
        for name, c in curves.items()
    )
    return Chart(
        name="loss",
        alt=f"Classification loss over the iterations: {'; '.join(ends)}.",
        x_label="iteration",
        y_label="classification loss",
        series=_series(curves),
        y_limits=(0.0, 0.0),
    )


def _describe(name: str, found: Mapping[str, float | int | None]) -> str:
    low, high = found["min_rate_inverse"], found["max_rate"]
    smallest = "0" if low is None else f"1/{low:.3f}"
    return f"{name} has no rate" if high is None else f"{name} {smallest} to {high:.3f}"


def _series(curves: Mapping[str, pd.DataFrame]) -> tuple[Series, ...]:
    return tuple(
        Series(
            name,
            curve.index.to_numpy(dtype=float),
            curve["mean"].to_numpy(dtype=float),
            curve["low"].to_numpy(dtype=float),
            curve["high"].to_numpy(dtype=float),
        )
        for name, curve in curves.items()
    )
