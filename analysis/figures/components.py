"""aLRP Loss and its two parts over a training, and the weight of self-balance (aLRP, Figure 3)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from rankdet.charts.chart import Chart, Series
from rankdet.evaluation.metrics.gradient_balance import band
from rankdet.papers.figure_kinds import FigureOfRuns
from rankdet.results.layout import TRAINING
from rankdet.results.recorded_run import RecordedRun
from rankdet.results.training_record import training_record

COLUMNS = ["iteration", "epoch", "loss_cls", "loss_bbox", "balance_weight"]


def read(run: RecordedRun) -> pd.DataFrame | None:
    """The run's training record."""
    return training_record(run, COLUMNS)


def components(frame: pd.DataFrame) -> pd.DataFrame:
    """Means over each epoch of the parts (without weight), their sum, and the weight.

    Args:
        frame: a training record; its `loss_bbox` is after the balance weight.

    Returns:
        Columns `cls`, `loc`, `loss`, `weight` by the last iteration of each epoch.
    """
    weight = frame["balance_weight"].where(frame["balance_weight"] > 0)
    parts = pd.DataFrame(
        {"cls": frame["loss_cls"], "loc": frame["loss_bbox"] / weight, "weight": weight}
    )
    parts["loss"] = parts["cls"] + parts["loc"]
    means = parts.groupby(frame["epoch"]).mean()
    means.index = frame.groupby("epoch")["iteration"].max()
    return means


def summary(records: Sequence[pd.DataFrame]) -> dict[str, float | None]:
    """Means over the runs: the parts and the weight in the first and the last epoch."""
    every = [components(frame) for frame in records]
    ends = {"first": 0, "last": -1}
    found = {
        f"{end}_{name}": sum(float(c[name].iloc[at]) for c in every) / len(every)
        for end, at in ends.items()
        for name in ("cls", "loc", "weight")
    }
    return {key: None if pd.isna(value) else value for key, value in found.items()}


def charts(series: Mapping[str, Sequence[pd.DataFrame]]) -> list[Chart]:
    """Losses on the left, the weight of the localisation part on the right."""
    curves = {name: [components(frame) for frame in frames] for name, frames in series.items()}
    titles = {"loss": "L", "cls": "L_cls", "loc": "L_loc"}
    losses = tuple(
        _series(title if len(curves) == 1 else f"{name}: {title}", parts, key)
        for name, parts in curves.items()
        for key, title in titles.items()
    )
    weights = tuple(_series(name, parts, "weight") for name, parts in curves.items())
    return [
        _chart("components", "loss", losses, "Loss and its parts"),
        _chart("weight", "weight of the localisation part", weights, "Self-balance weight"),
    ]


def _series(name: str, parts: Sequence[pd.DataFrame], key: str) -> Series:
    """Means over epochs: each holds from the end of the epoch before to the end of its own."""
    return replace(Series.of_band(name, band([part[key] for part in parts])), steps="before")


def _chart(name: str, label: str, series: tuple[Series, ...], what: str) -> Chart:
    ends = "; ".join(f"{s.name} from {s.y[0]:.2f} to {s.y[-1]:.2f}" for s in series)
    return Chart(
        name=name,
        alt=f"{what} by epoch: {ends}.",
        x_label="iteration",
        y_label=label,
        series=series,
        y_limits=(0.0, 0.0),
    )


FIGURE = FigureOfRuns(
    read=read,
    charts=charts,
    summary=summary,
    missing="its training record does not have the parts of the loss",
    file=TRAINING,
)
