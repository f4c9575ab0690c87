"""AP of each class: the difference of each loss to the first one."""

from collections.abc import Mapping, Sequence

import numpy as np

from rankdet.charts.chart import Chart, Series
from rankdet.evaluation.estimates import LEVEL, Estimate
from rankdet.papers.figure_kinds import FigureOfRuns, no_values
from rankdet.results.recorded_run import RecordedRun

MAX_DOTS = 3  # losses in a dot plot; more are a heat map


ClassValues = dict[str, float | None]  # AP × 100 by the name of the class


def read(run: RecordedRun) -> ClassValues | None:
    """AP of each class; None if the metrics have none."""
    names = run.main.class_names
    ap = {names.get(key, key): found.get("AP") for key, found in run.main.per_class.items()}
    scaled = {name: None if v is None else 100 * v for name, v in ap.items()}
    return scaled if any(v is not None for v in scaled.values()) else None


def charts(series: Mapping[str, Sequence[ClassValues]]) -> list[Chart]:
    """A dot plot with intervals for up to three losses, a heat map for more.

    Classes are sorted by the difference of the first of them. Intervals are Welch's t over the
    seeds, at 95 %; they need two seeds on both sides.
    """
    reference, *others = series
    if not others:
        return []
    found = {name: differences(series[reference], series[name]) for name in others}
    first = found[others[0]]
    rows = sorted(first, key=lambda name: np.inf if np.isnan(first[name][0]) else -first[name][0])
    ends = "; ".join(
        f"{name}: " + ", ".join(f"{row} {found[name][row][0]:+.1f}" for row in (rows[0], rows[-1]))
        for name in others
    )
    alt = f"Differences in AP × 100 to {reference} by class, first and last row: {ends}."
    alt = alt.replace("+nan", "none")
    title = f"AP × 100 minus that of {reference}"
    if len(others) > MAX_DOTS:
        cells = tuple(
            tuple(None if np.isnan(v := found[name][row][0]) else float(v) for name in others)
            for row in rows
        )
        shape = {"columns": tuple(others), "cells": cells}
        return [Chart("classes", alt, "", title, (), rows=tuple(rows), **shape)]
    dots = []
    for name in others:
        value, half = (np.array([found[name][row][k] for row in rows]) for k in (0, 1))
        at = np.arange(len(rows), dtype=float)
        dots.append(Series(name, value, at, value - half, value + half, dots=True))
    return [Chart("classes", alt, title, "", tuple(dots), rows=tuple(rows))]


def differences(
    reference: Sequence[ClassValues], other: Sequence[ClassValues]
) -> dict[str, tuple[float, float]]:
    """The mean difference of each class, and the half width of its interval; NaN if undefined."""
    found = {}
    for name in dict.fromkeys(key for one in (*reference, *other) for key in one):
        a, b = (_known(side, name) for side in (reference, other))
        value = float(np.mean(b) - np.mean(a)) if a and b else np.nan
        half = np.nan
        if min(len(a), len(b)) > 1:
            estimate = Estimate.of_difference(b, a)
            half = estimate.interval(LEVEL)[1] - estimate.centre
        found[name] = (value, half)
    return found


def _known(side: Sequence[ClassValues], name: str) -> list[float]:
    """The values of all seeds; empty if one of them has none, as in the tables."""
    values = [one.get(name) for one in side]
    known = [value for value in values if value is not None]
    return known if len(known) == len(values) else []


FIGURE = FigureOfRuns(
    read, charts, no_values, missing="its metrics have no values of classes", results=True
)
