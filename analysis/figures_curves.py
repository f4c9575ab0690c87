"""One run's training curves: losses, balance weight, gradient rate, learning rate."""

import pandas as pd
from matplotlib.axes import Axes

from analysis.figures_balance import extremes, mean_curve, rate_panel, rates
from analysis.figures_style import COLOURS, Panel, legend, styled, thin

LOSS_TITLES = {"loss": "total", "loss_cls": "classification", "loss_bbox": "localisation"}


def training_panels(frame: pd.DataFrame) -> list[Panel]:
    """The panels of one run: losses, then balance weight and gradient rate where recorded.

    Args:
        frame: the run's `train.parquet`, one row per iteration.
    """
    panels = [loss_panel(frame)]
    if _varies(frame, "balance_weight"):
        panels.append(_single_panel(frame, "balance_weight", "weight of the localisation loss"))
    if {"grad_pos", "grad_neg"} <= set(frame.columns) and rates(frame).notna().any():
        panels.append(rate_panel({"rate": mean_curve([rates(frame)])}))
    if _varies(frame, "lr"):
        panels.append(_single_panel(frame, "lr", "learning rate"))
    return panels


def loss_panel(frame: pd.DataFrame) -> Panel:
    """Total loss and its parts, as they were summed (after the balance weight)."""
    names = [name for name in frame.columns if name == "loss" or name.startswith("loss_")]
    curves = {LOSS_TITLES.get(n, n.removeprefix("loss_")): frame[n].astype(float) for n in names}

    def draw(axis: Axes) -> None:
        for name, colour, dash in styled(curves):
            x, y = thin(frame["iteration"].to_numpy(), curves[name].to_numpy())[:2]
            axis.plot(x, y, color=colour, linestyle=dash, label=name)
        axis.set_ylim(bottom=0)
        axis.set_xlabel("iteration")
        axis.set_ylabel("loss")
        legend(axis)

    total = frame["loss"] if "loss" in frame else curves[next(iter(curves))]
    alt = (
        f"Loss over {len(frame)} iterations: total from {total.iloc[0]:.2f} "
        f"to {total.iloc[-1]:.2f}, with its parts {', '.join(list(curves)[1:]) or 'none'}."
    )
    parts = [
        pd.DataFrame({"series": name, "iteration": frame["iteration"], "value": curve})
        for name, curve in curves.items()
    ]
    return Panel("losses", alt, draw, pd.concat(parts, ignore_index=True))


def balance_summary(frame: pd.DataFrame) -> dict[str, float | None]:
    """Smallest rate (as 1/x), largest rate, and how many iterations have one."""
    if not {"grad_pos", "grad_neg"} <= set(frame.columns):
        return {"min_rate_inverse": None, "max_rate": None, "iterations": 0}
    rate = rates(frame)
    return {**extremes(rate), "iterations": int(rate.notna().sum())}


def _varies(frame: pd.DataFrame, column: str) -> bool:
    return column in frame and bool(frame[column].min() < frame[column].max())


def _single_panel(frame: pd.DataFrame, column: str, label: str) -> Panel:
    values = frame[column].astype(float)

    def draw(axis: Axes) -> None:
        x, y = thin(frame["iteration"].to_numpy(), values.to_numpy())[:2]
        axis.plot(x, y, color=COLOURS[0])
        axis.set_ylim(bottom=0)
        axis.set_xlabel("iteration")
        axis.set_ylabel(label)

    alt = f"The {label} over the iterations: from {values.iloc[0]:.4g} to {values.iloc[-1]:.4g}."
    data = pd.DataFrame({"series": column, "iteration": frame["iteration"], "value": values})
    return Panel(column.replace("_", "-"), alt, draw, data)
