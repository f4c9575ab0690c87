"""The data of a chart: series, bands, ranges and texts.

`rankdet.charts.svg` draws it for pages, `rankdet.charts.publication` for papers. Both show
the same. A chart that is stored as JSON and read again looks the same.
"""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from rankdet.charts.axis import FORMATS, Floats
from rankdet.charts.fields import ARRAYS, floats, limits, listed, require, series_values
from rankdet.charts.points import STEPS, corners, steps_that_change, thin

HEIGHT = 290


@dataclass(frozen=True)
class Series:
    """One curve, or dots if `dots` is set.

    Attributes:
        name: text of the legend.
        x: (N,) ascending for a curve.
        y: (N,) values; NaN is left out.
        low: (N,) lower edge of a band, or of the interval of a dot; None without one.
        high: (N,) upper edge of it, or None.
        dots: whether to draw only dots, without a line.
        marked: whether to draw a curve with a dot at every value.
        steps: for values that do not change gradually. `before`: a value holds from the previous x
            to its own; `middle`: it holds around its x, as in a histogram. Empty for a line.
        panel: the title of the panel that shows it; series with the same title share one. Empty if
            the chart is one panel.
        x_shares: (B,) shares of the values of x in equal bins over the chart's range, shown
            above a scatter of dots, or as a violin around the dot of a row; None without it.
        y_shares: the same for y, shown beside it.
        look: the number of its colour, dashes and shape (`rankdet.charts.looks`); None for the
            place in the legend.
    """

    name: str
    x: Floats
    y: Floats
    low: Floats | None = None
    high: Floats | None = None
    dots: bool = False
    marked: bool = False
    steps: str = ""
    panel: str = ""
    x_shares: Floats | None = None
    y_shares: Floats | None = None
    look: int | None = None

    @property
    def label(self) -> str:
        """Its name without that of its panel; empty if they are the same."""
        return self.name.removeprefix(self.panel).removeprefix(": ") if self.panel else self.name

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
        if self.steps == STEPS[0]:
            kept = self._needed(self.y, *edges)
            low, high = (None if a is None else a[kept] for a in (self.low, self.high))
            return replace(self, x=self.x[kept], y=self.y[kept], low=low, high=high)
        x, y = thin(self.x, self.y)
        low, high = (None if a is None else thin(self.x, a)[1] for a in (self.low, self.high))
        return replace(self, x=x, y=y, low=low, high=high)

    def line(self) -> tuple[Floats, Floats]:
        """The points of its line, without gaps; two for each step."""
        kept = self._needed(self.y)
        return corners(*thin(self.x[kept], self.y[kept]), self.steps)

    def band(self) -> tuple[Floats, Floats, Floats] | None:
        """x, lower and upper edge of its band; None if it has none."""
        if self.low is None or self.high is None or not np.any(self.high > self.low):
            return None
        kept = self._needed(self.low, self.high)
        x, low = corners(*thin(self.x[kept], self.low[kept]), self.steps)
        return x, low, corners(*thin(self.x[kept], self.high[kept]), self.steps)[1]

    def _needed(self, *values: Floats) -> Any:
        """Which points a curve needs: those where a step changes, or all."""
        return steps_that_change(*values) if self.steps == STEPS[0] else slice(None)


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
        layered: whether the first curves are the widest, so that equal curves can be seen.
        diagonal: whether to draw the line y = x, where a precision is equal to its score.
        rows: names of the vertical positions 0, 1, ... from the top. The values of y are positions,
            `low` and `high` are horizontal.
        columns: names of the columns of a heat map; its rows are `rows`.
        cells: values of a heat map, row by row; None for an empty cell.
        x_limits: horizontal range; by default from 0 to the largest value.
        y_limits: vertical range that is always shown; data beyond it widens it.
        y_format: the format of a vertical tick, a key of `rankdet.charts.axis.FORMATS`.
        boxes: rectangles of a diagram.
        labels: texts of a diagram.
        height: height of a diagram in pixels; charts have the default.
        note: a remark for below the axes of a page's chart and the caption of a paper's; or empty.
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
    layered: bool = False
    diagonal: bool = False
    rows: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    cells: tuple[tuple[float | None, ...], ...] = ()
    note: str = ""

    @property
    def panels(self) -> dict[str, list[Series]]:
        """The series of each panel by its title; the title is empty if the chart is one panel."""
        found: dict[str, list[Series]] = {}
        for one in self.series:
            found.setdefault(one.panel, []).append(one)
        return found if len(found) > 1 else {"": list(self.series)}

    @property
    def legend(self) -> list[str]:
        """The texts of the legend."""
        several = len(self.panels) > 1
        return list(dict.fromkeys((s.label or s.name) if several else s.name for s in self.series))

    @property
    def needs_legend(self) -> bool:
        """Whether a reader needs the legend: titles of panels or rows do not name each series."""
        named = self.rows and {one.name for one in self.series} <= set(self.rows)
        alone = len(self.series) == 1 and bool(self.series[0].panel)  # its panel has no title
        several = bool(self.series) and max(map(len, self.panels.values())) > 1
        return alone or (several and not named)

    def place(self, series: Series) -> int:
        """The place of a series in the legend."""
        several = len(self.panels) > 1
        return self.legend.index((series.label or series.name) if several else series.name)

    def look(self, series: Series) -> int:
        """The number of the colour, dashes and shape of a series."""
        return self.place(series) if series.look is None else series.look

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
        if self.rows:
            ends = [a for s in self.series for a in (s.x, s.low, s.high) if a is not None]
            values = np.concatenate([np.array([0.0]), *ends])
            values = values[np.isfinite(values)]
            return float(values.min()), float(values.max())
        return 0.0, float(np.concatenate([np.array([0.0]), *(s.x for s in self.series)]).max())

    def y_range(self) -> tuple[float, float]:
        """The vertical range before it is widened to round ticks: data, bands and `y_limits`."""
        edges = [a for s in self.series for a in (s.y, s.low, s.high) if a is not None]
        values = np.concatenate([*edges, np.array(self.y_limits or ())])
        values = values[np.isfinite(values) & ((values > 0) | (not self.log))]
        return (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)

    def thinned(self) -> "Chart":
        """The chart with only the points that are drawn, and the ranges of all its points."""
        if not self.series or self.rows:
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
        require(record, str, "name", "alt", "x_label", "y_label")
        found |= {key: record.get(key, False) for key in ("layered", "diagonal", "x_log")}
        require(found, bool, "log", "layered", "diagonal", "x_log")
        found["note"] = str(record.get("note", ""))
        for key in ("x_limits", "y_limits"):
            found[key] = None if record[key] is None else limits(record[key])
        found["series"] = tuple(Series(**series_values(one)) for one in record["series"])
        found["boxes"] = tuple(
            Box(**{**box, **floats(box, "x", "y", "width", "height"), "colour": int(box["colour"])})
            for box in record["boxes"]
        )
        found["labels"] = tuple(
            Label(**{**one, **floats(one, "x", "y")}) for one in record["labels"]
        )
        found["height"] = int(record["height"])
        for names in ("rows", "columns"):
            found[names] = tuple(str(name) for name in record.get(names, ()))
        heights = [v for s in found["series"] for v in s.y[np.isfinite(s.y)]]
        if found["rows"] and any(not 0 <= v < len(found["rows"]) for v in heights):
            raise ValueError("a series is at a row that the chart lacks")
        found["cells"] = tuple(
            tuple(None if v is None else float(v) for v in row) for row in record.get("cells", ())
        )
        if found["cells"] and {len(row) for row in found["cells"]} != {len(found["columns"])}:
            raise ValueError("rows of cells and columns differ in length")
        if found["cells"] and len(found["cells"]) != len(found["rows"]):
            raise ValueError("cells and rows differ in number")
        return cls(**found)


def _series_record(series: Series) -> dict[str, Any]:
    arrays = {name: listed(getattr(series, name)) for name in ARRAYS}
    return {**vars(series), **arrays}
