"""Balance between positives and negatives over a training (aLRP paper, Figure 4 and Theorem 2)."""

from collections.abc import Mapping, Sequence

import pandas as pd

from rankdet.charts.chart import Chart
from rankdet.charts.gradient_balance import in_panel, rate_chart
from rankdet.evaluation.metrics.gradient_balance import band, gradient_rates, rate_summary
from rankdet.papers.figure_kinds import FigureOfRuns
from rankdet.results.layout import TRAINING
from rankdet.results.recorded_run import RecordedRun
from rankdet.results.training_record import training_record

COLUMNS = ["iteration", "grad_pos", "grad_neg", "loss_cls"]


def read(run: RecordedRun) -> pd.DataFrame | None:
    """The run's training record."""
    return training_record(run, COLUMNS)


def charts(series: Mapping[str, Sequence[pd.DataFrame]]) -> list[Chart]:
    """Gradient rates on the left, the classification loss on the right.

    Args:
        series: label to the training records of its runs (one per seed).
    """
    rate = {name: band([gradient_rates(f) for f in frames]) for name, frames in series.items()}
    loss = {
        name: band([f.set_index("iteration")["loss_cls"] for f in frames])
        for name, frames in series.items()
    }
    return [rate_chart(rate), _loss_chart(loss)]


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
        series=tuple(in_panel(name, curve) for name, curve in curves.items()),
        y_limits=(0.0, 0.0),
    )


def summary(records: Sequence[pd.DataFrame]) -> Mapping[str, float | int | None]:
    """The extremes of the curve averaged over the seeds."""
    return rate_summary(band([gradient_rates(frame) for frame in records])["mean"])


FIGURE = FigureOfRuns(
    read=read,
    charts=charts,
    summary=summary,
    missing="its training record does not have the gradient sums",
    file=TRAINING,
    theorems=("min_rate_inverse", "max_rate"),
)
