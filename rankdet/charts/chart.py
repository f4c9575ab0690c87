"""The data of a chart: series, bands, ranges and texts. `rankdet.charts.svg` draws it.

A chart that is stored as JSON and read again looks the same.
"""

import math
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rankdet.charts.axis import FORMATS

Floats = NDArray[np.float64]

HEIGHT = 290
MAX_POINTS = 300


@dataclass(frozen=True)
class Series:
    """One curve, or dots if `dots` is set.

    Attributes:
        name: text of the legend.
        x: (N,) ascending for a curve.
        y: (N,) values; NaN is left out.
        low: (N,) lower edge of a band, or None.
        high: (N,) upper edge of a band, or None.
        dots: whether to draw only dots, without a line.
        marked: whether to draw a curve with a dot at every value.
    """

    name: str
    x: Floats
    y: Floats
    low: Floats | None = None
    high: Floats | None = None
    dots: bool = False
    marked: bool = False

    @classmethod
    def of_band(cls, name: str, band: pd.DataFrame) -> "Series":
        """A curve with its band: columns `mean`, `low`, `high` by x."""
        mean, low, high = (band[key].to_numpy(dtype=float) for key in ("mean", "low", "high"))
        return cls(name, band.index.to_numpy(dtype=float), mean, low, high)

    @classmethod
    def of_points(cls, name: str, points: Iterable[tuple[Hashable, float, float]]) -> "Series":
        """A curve through groups of points: their means, with the range of their values as a band.

        Args:
            name: text of the legend.
            points: group, x and y of each point; a group is what several seeds share.
        """
        found: dict[Hashable, list[tuple[float, float]]] = {}
        for group, x, y in points:
            found.setdefault(group, []).append((x, y))
        groups = sorted((np.array(one) for one in found.values()), key=lambda one: one[:, 0].mean())
        means = np.array([one.mean(axis=0) for one in groups]).reshape(-1, 2)
        low, high = (np.array([end(one[:, 1]) for one in groups]) for end in (np.min, np.max))
        return cls(name, means[:, 0], means[:, 1], low, high, marked=True)

    def thinned(self) -> "Series":
        """The series with only the points that are drawn; see `thin`."""
        if self.dots:
            return self
        edges = [a for a in (self.low, self.high) if a is not None]
        if any((np.isnan(edge) != np.isnan(self.y)).any() for edge in edges):
            return self  # curve and band have different gaps
        x, y = thin(self.x, self.y)
        low, high = (None if a is None else thin(self.x, a)[1] for a in (self.low, self.high))
        return replace(self, x=x, y=y, low=low, high=high)


@dataclass(frozen=True)
class Box:
    """A rectangle of a diagram, in pixels from the top left; `colour` is the number of a colour."""

    x: float
    y: float
    width: float
    height: float
    colour: int
    dashed: bool = False
    filled: bool = False


@dataclass(frozen=True)
class Label:
    """A text of a diagram, in pixels from the top left; it begins at `x` or is centred at `x`."""

    x: float
    y: float
    text: str
    centred: bool = False


@dataclass(frozen=True)
class Chart:
    """One chart, or a diagram without axes if it has boxes.

    Attributes:
        name: short name, used in files and element ids.
        alt: a description of what the chart shows.
        x_label: text below the horizontal axis.
        y_label: text above the vertical axis.
        series: curves and dots.
        log: logarithmic vertical axis.
        x_log: logarithmic horizontal axis; it needs `x_limits` above 0.
        x_limits: horizontal range; by default from 0 to the largest value.
        y_limits: vertical range that is always shown; data beyond it widens it.
        y_format: the format of a vertical tick, a key of `rankdet.charts.axis.FORMATS`.
        boxes: rectangles of a diagram.
        labels: texts of a diagram.
        height: height of a diagram in pixels; charts have the default.
    """

    name: str
    alt: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    log: bool = False
    x_limits: tuple[float, float] | None = None
    y_limits: tuple[float, float] | None = None
    y_format: str = "number"
    boxes: tuple[Box, ...] = ()
    labels: tuple[Label, ...] = ()
    height: int = HEIGHT
    x_log: bool = False

    def data(self) -> pd.DataFrame:
        """All values, before thinning: `series`, `x`, `value`, `low`, `high`."""
        parts = [
            pd.DataFrame({"series": s.name, "x": s.x, "value": s.y, "low": s.low, "high": s.high})
            for s in self.series
        ]
        columns = ["series", "x", "value", "low", "high"]
        return pd.concat(parts) if parts else pd.DataFrame(columns=columns)

    def x_range(self) -> tuple[float, float]:
        """The horizontal range."""
        if self.x_limits:
            return self.x_limits
        return 0.0, float(np.concatenate([np.array([0.0]), *(s.x for s in self.series)]).max())

    def y_range(self) -> tuple[float, float]:
        """The vertical range before it is widened to round ticks: data, bands and `y_limits`."""
        edges = [a for s in self.series for a in (s.y, s.low, s.high) if a is not None]
        values = np.concatenate([*edges, np.array(self.y_limits or ())])
        values = values[np.isfinite(values) & ((values > 0) | (not self.log))]
        return (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)

    def thinned(self) -> "Chart":
        """The chart with only the points that are drawn, and the ranges of all its points."""
        if not self.series:
            return self
        series = tuple(one.thinned() for one in self.series)
        return replace(self, series=series, x_limits=self.x_range(), y_limits=self.y_range())

    def record(self) -> dict[str, Any]:
        """The thinned chart as JSON-serialisable values; NaN is null."""
        chart = self.thinned()
        return {**asdict(chart), "series": [_series_record(one) for one in chart.series]}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Chart":
        """The chart of a record; it looks like the chart that the record was made from.

        Raises:
            KeyError, TypeError, ValueError: the record was not made by `record`.
        """
        if record["y_format"] not in FORMATS:
            raise ValueError(f"y_format {record['y_format']!r} is unknown")
        found = dict(record)
        _require(record, str, "name", "alt", "x_label", "y_label")
        _require(record, bool, "log")
        for limits in ("x_limits", "y_limits"):
            found[limits] = None if record[limits] is None else _limits(record[limits])
        found["series"] = tuple(_series(one) for one in record["series"])
        found["boxes"] = tuple(
            Box(
                **{**box, **_floats(box, "x", "y", "width", "height"), "colour": int(box["colour"])}
            )
            for box in record["boxes"]
        )
        found["labels"] = tuple(
            Label(**{**one, **_floats(one, "x", "y")}) for one in record["labels"]
        )
        found["height"] = int(record["height"])
        return cls(**found)


def thin(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Removes NaN, and averages a long curve into 300 bins; a short curve does not change."""
    keep = ~np.isnan(y)
    x, y = np.asarray(x, dtype=float)[keep], np.asarray(y, dtype=float)[keep]
    if len(x) <= 2 * MAX_POINTS:
        return x, y
    starts = np.linspace(0, len(x), MAX_POINTS + 1).astype(int)[:-1]
    sizes = np.diff([*starts, len(x)])
    return np.add.reduceat(x, starts) / sizes, np.add.reduceat(y, starts) / sizes


def _require(record: Mapping[str, Any], kind: type, *names: str) -> None:
    for name in names:
        if not isinstance(record[name], kind):
            raise TypeError(f"{name} is {record[name]!r:.40}, no {kind.__name__}")


def _limits(values: Any) -> tuple[float, float]:
    low, high = map(float, values)
    return low, high


def _floats(record: Mapping[str, Any], *names: str) -> dict[str, float]:
    """Converts values of a record to numbers: text of a file must not get into the SVG."""
    return {name: float(record[name]) for name in names}


def _series_record(series: Series) -> dict[str, Any]:
    arrays = {name: _listed(getattr(series, name)) for name in ("x", "y", "low", "high")}
    return {**vars(series), **arrays}


def _listed(values: Floats | None) -> list[float | None] | None:
    if values is None:
        return None
    return [float(v) if math.isfinite(v) else None for v in values]


def _series(record: Mapping[str, Any]) -> Series:
    arrays = {
        name: None if record[name] is None else np.array(record[name], dtype=float)
        for name in ("x", "y", "low", "high")
    }
    _require(record, str, "name")
    _require(record, bool, "dots", "marked")
    shapes = {array.shape for array in arrays.values() if array is not None}
    if arrays["x"] is None or arrays["y"] is None or shapes != {(len(arrays["x"]),)}:
        raise ValueError("x, y, low and high of a series are not lists of one length")
    return Series(**{**record, **arrays})
