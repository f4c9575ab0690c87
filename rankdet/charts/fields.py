"""Fields of a chart's record: conversions and checks, because a file may be damaged."""

import math
from collections.abc import Mapping
from typing import Any

from rankdet.charts.axis import Floats


def require(record: Mapping[str, Any], kind: type, *names: str) -> None:
    """Raises TypeError if a value of a record is not of a kind."""
    for name in names:
        if not isinstance(record[name], kind):
            raise TypeError(f"{name} is {record[name]!r:.40}, no {kind.__name__}")


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
