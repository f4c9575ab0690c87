"""How numbers and lists are written in settings, so that equal settings are equal texts."""

from collections.abc import Iterable
from typing import Any


def number(value: float) -> str:
    """Returns a number without needless digits: `0.1`, `4`, `7.971`."""
    return f"{float(value):.4g}" if abs(float(value)) < 1e4 else f"{float(value):.0f}"


def numbers(values: Iterable[float]) -> str:
    """Returns numbers joined by commas."""
    return ", ".join(number(value) for value in values)


def size(scale: Any) -> str:
    """Returns `shorter × longer` for mmdet's scale in either order."""
    low, high = sorted(int(side) for side in scale)
    return f"{low} × {high}"


def span(low: float, high: float) -> str:
    """Returns a range: `0.5–1.5`."""
    return f"{number(low)}–{number(high)}"
