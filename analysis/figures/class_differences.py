"""AP of each class: the difference of each loss to the first one."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from rankdet.charts.chart import Chart, Series
from rankdet.evaluation.intervals import mean_over_seeds
from rankdet.papers.figure_kinds import FigureOfRuns, no_values
from rankdet.results.records import RecordedRun

MAX_DOTS = 3  # losses in a dot plot; more are a heat map


class ClassValues(NamedTuple):
    """AP × 100 by the name of the class, and the seed of the run."""

    seed: int
    ap: dict[str, float | None]


def read(run: RecordedRun) -> ClassValues | None:
    """AP of each class; None if the metrics have none."""
    names = run.main.class_names
    ap = {names.get(key, key): found.get("AP") for key, found in run.main.per_class.items()}
    scaled = {name: None if v is None else 100 * v for name, v in ap.items()}
    return ClassValues(run.seed, scaled) if any(v is not None for v in scaled.values()) else None


def charts(series: Mapping[str, Sequence[ClassValues]]) -> list[Chart]:
    """A dot plot with intervals for up to three losses, a heat map for more.

    Classes are sorted by the difference of the first of them. With the same seeds on both sides,
    differences are paired by seed and the interval is Student's t over them, at 95 %.
    """
    reference, *others = series
    if not others:
        return []
    found = {name: differences(series[reference], series[name]) for name in others}
    first = found[others[0]]
    rows = sorted(first, key=lambda name: -np.inf if np.isnan(first[name][0]) else -first[name][0])
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
    base, own = ({one.seed: one.ap for one in side} for side in (reference, other))
    paired = sorted(base) == sorted(own)
    found = {}
    for name in dict.fromkeys(key for one in (*reference, *other) for key in one.ap):
        a, b = ([side[seed].get(name) for seed in sorted(side)] for side in (base, own))
        if paired:
            pairs = zip(a, b, strict=True)
            values = [None if x is None or y is None else y - x for x, y in pairs]
            mean, half = mean_over_seeds(values)
        else:
            (low, _), (high, _), half = mean_over_seeds(a), mean_over_seeds(b), None
            mean = None if low is None or high is None else high - low
        found[name] = (np.nan if mean is None else mean, np.nan if half is None else half)
    return found


FIGURE = FigureOfRuns(read, charts, no_values, missing="its metrics have no values of classes")
