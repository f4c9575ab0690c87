"""Balance between positives and negatives over a training (aLRP paper, Figure 4 and Theorem 2)."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from analysis.figures_style import Panel, legend, styled, thin
from analysis.records import Run

COLUMNS = ["iteration", "grad_pos", "grad_neg", "loss_cls"]


def training_record(run: Run, columns: Sequence[str] | None = None) -> pd.DataFrame | None:
    """A run's `train.parquet` by iteration; None where there is none that can be read.

    A resumed training repeats the iterations after its checkpoint: the later record counts.
    """
    path = run.folder / "train.parquet"
    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError):
        return None
    if frame.empty or "iteration" not in frame or not set(columns or ()) <= set(frame.columns):
        return None
    frame = frame if columns is None else frame[list(columns)]
    return frame.drop_duplicates("iteration", keep="last").sort_values(
        "iteration", ignore_index=True
    )


def rates(frame: pd.DataFrame) -> pd.Series:
    """Σ|∂L/∂s| over negatives divided by the same over positives, by iteration.

    NaN where an iteration has no positive or no gradient at all.
    """
    positive = frame["grad_pos"].where(frame["grad_pos"] > 0)
    return pd.Series(
        (frame["grad_neg"] / positive).to_numpy(), index=frame["iteration"], name="rate"
    )


def mean_curve(curves: Sequence[pd.Series]) -> pd.DataFrame:
    """Averages curves over runs: `value`, and `low` and `high` (the runs' extremes)."""
    together = pd.concat(list(curves), axis=1)
    return pd.DataFrame(
        {
            "value": together.mean(axis=1),
            "low": together.min(axis=1),
            "high": together.max(axis=1),
            "runs": together.notna().sum(axis=1),
        }
    )


def extremes(rate: pd.Series) -> dict[str, float | None]:
    """`min_rate_inverse` (1 / smallest rate, as the paper prints it) and `max_rate`."""
    known = rate.dropna()
    if known.empty:
        return {"min_rate_inverse": None, "max_rate": None}
    smallest = float(known.min())
    return {
        "min_rate_inverse": 1 / smallest if smallest > 0 else None,
        "max_rate": float(known.max()),
    }


def balance_panels(series: Mapping[str, Sequence[pd.DataFrame]]) -> list[Panel]:
    """The two panels of Figure 4: gradient rates and classification loss.

    Args:
        series: label to the training records of its runs (one a seed).
    """
    rate = {name: mean_curve([rates(f) for f in frames]) for name, frames in series.items()}
    loss = {
        name: mean_curve([f.set_index("iteration")["loss_cls"] for f in frames])
        for name, frames in series.items()
    }
    return [rate_panel(rate), _loss_panel(loss)]


def rate_panel(curves: Mapping[str, pd.DataFrame]) -> Panel:
    """Gradient rates over iterations on a logarithmic axis; 1 is perfect balance."""

    def draw(axis: Axes) -> None:
        _lines(axis, curves)
        axis.set_yscale("log")
        values = [v for c in curves.values() for v in (c["low"].min(), c["high"].max()) if v > 0]
        low, high = min([0.5, *values]), max([2.0, *values])
        axis.set_ylim(low / 1.15, high * 1.15)
        axis.yaxis.set_major_locator(LogLocator(subs=(1,) if high / low > 60 else (1, 2, 5)))
        axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: rate_label(value)))
        axis.yaxis.set_minor_formatter(NullFormatter())
        axis.set_xlabel("iteration")
        axis.set_ylabel("Σ|∂L/∂s| negatives / positives")
        legend(axis)

    described = (_describe(name, extremes(c["value"])) for name, c in curves.items())
    alt = "Rate of the gradient magnitudes of negatives to positives over the iterations: "
    return Panel("rate", alt + "; ".join(described) + ".", draw, _long(curves))


def _loss_panel(curves: Mapping[str, pd.DataFrame]) -> Panel:
    def draw(axis: Axes) -> None:
        _lines(axis, curves)
        axis.set_ylim(bottom=0)
        axis.set_xlabel("iteration")
        axis.set_ylabel("classification loss")
        legend(axis)

    ends = (
        f"{name} from {c['value'].iloc[0]:.2f} to {c['value'].iloc[-1]:.2f}"
        for name, c in curves.items()
    )
    alt = f"Classification loss over the iterations: {'; '.join(ends)}."
    return Panel("loss", alt, draw, _long(curves))


def rate_label(value: float) -> str:
    """A rate as the paper prints it: below 1 as 1/x."""
    return f"{value:g}" if value >= 1 else f"1/{float(f'{1 / value:.3g}'):g}"


def _describe(name: str, found: Mapping[str, float | None]) -> str:
    low, high = found["min_rate_inverse"], found["max_rate"]
    smallest = "0" if low is None else f"1/{low:.3f}"
    return f"{name} has no rate" if high is None else f"{name} {smallest} to {high:.3f}"


def _lines(axis: Axes, curves: Mapping[str, pd.DataFrame]) -> None:
    for name, colour, dash in styled(curves):
        curve = curves[name]
        x, y, low, high = thin(curve.index.to_numpy(), curve["value"].to_numpy())
        axis.plot(x, y, color=colour, linestyle=dash, label=name)
        if curve["runs"].max() > 1:
            spread = (curve["low"].to_numpy(), curve["high"].to_numpy())
            x, low = thin(curve.index.to_numpy(), spread[0])[:2]
            x, high = thin(curve.index.to_numpy(), spread[1])[:2]
        if np.any(high > low):
            axis.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0)


def _long(curves: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    parts = [c.reset_index(names="iteration").assign(series=name) for name, c in curves.items()]
    columns = ["series", "iteration", "value", "low", "high", "runs"]
    return pd.concat(parts)[columns] if parts else pd.DataFrame(columns=columns)


def write_long(panels: Sequence[Panel], path: Path) -> None:
    """Writes the data of all panels into one CSV, told apart by `panel`."""
    parts = [panel.data.assign(panel=panel.name) for panel in panels]
    frame = pd.concat(parts)
    frame[["panel", *frame.columns.drop("panel")]].to_csv(path, index=False, lineterminator="\n")
