"""Fields of a chart's record: conversions and checks, because a file may be damaged."""

import math
from collections.abc import Mapping
from types import UnionType
from typing import Any

import numpy as np

from rankdet.charts.axis import Floats
from rankdet.charts.points import STEPS

ARRAYS = ("x", "y", "low", "high", "x_shares", "y_shares")  # of a series


def require(record: Mapping[str, Any], kind: type | UnionType, *names: str) -> None:
    """Raises TypeError if a value of a record is not of a kind."""
    for name in names:
        if not isinstance(record[name], kind):
            raise TypeError(f"{name} is {record[name]!r:.40}, no {getattr(kind, '__name__', kind)}")


def limits(values: Any) -> tuple[float, float]:
    """Converts the two ends of a range to numbers."""
    low, high = map(float, values)
    return low, high


def floats(record: Mapping[str, Any], *names: str) -> dict[str, float]:
    """Converts values of a record to numbers: text of a file must not get into the SVG."""
    return {name: float(record[name]) for name in names}


def listed(values: Floats | None) -> list[float | None] | None:
    """Converts an array to numbers for JSON; NaN is None."""
    if values is None:
        return None
    return [float(v) if math.isfinite(v) else None for v in values]


def series_values(record: Mapping[str, Any]) -> dict[str, Any]:
    """Reads the arguments of a series from its record.

    Raises:
        KeyError, TypeError, ValueError: the record is damaged.
    """
    arrays = {
        name: None if record.get(name) is None else np.array(record[name], dtype=float)
        for name in ARRAYS
    }
    require(record, str, "name")
    require(record, bool, "dots", "marked")
    shapes = {a.shape for key in ARRAYS[:4] if (a := arrays[key]) is not None}
    if arrays["x"] is None or arrays["y"] is None or shapes != {(len(arrays["x"]),)}:
        raise ValueError("x, y, low and high of a series are not lists of one length")
    if any(a is not None and a.ndim != 1 for a in (arrays["x_shares"], arrays["y_shares"])):
        raise ValueError("the shares of a series are not a list")
    record = {"steps": "", "panel": "", "look": None, **record}  # older records lack them
    require(record, str, "panel")
    require(record, int | None, "look")
    if record["steps"] not in ("", *STEPS):
        raise ValueError(f"steps {record['steps']!r} is unknown")
    return {**record, **arrays}
