"""Axes of a chart: round tick values, linear or logarithmic."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Axis:
    """A range with its ticks: (value, text) pairs within it."""

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    log: bool = False

    def fraction(self, values: Floats) -> Floats:
        """The positions of values between the two ends, 0 to 1."""
        if self.log:
            low, high = math.log(self.low), math.log(self.high)
            return (np.log(np.maximum(values, self.low)) - low) / (high - low)
        return (np.asarray(values) - self.low) / (self.high - self.low)


LARGEST = 1e300  # ends of an axis: beyond it, differences and ratios of two values overflow


def linear_axis(
    low: float, high: float, text: Callable[[float], str] | None, exact: bool = False
) -> Axis:
    """A linear axis with about five steps of 1, 2 or 5 times a power of ten.

    Args:
        low: smallest value to show.
        high: largest value to show.
        text: formats a tick; by default `short`.
        exact: whether the axis ends at `low` and `high`, not at the ticks around them.
    """
    low, high = (max(-LARGEST, min(LARGEST, end)) for end in (low, high))
    high = high if high > low else low + max(1.0, abs(low) * 1e-12)  # + 1 is lost beyond 2^53
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(s * power for s in (1, 2, 5, 10) if s * power >= rough * 0.999)
    first, last = low / step, high / step
    start, stop = math.ceil(first - 1e-9), math.floor(last + 1e-9)
    if not exact:
        start, stop = math.floor(first + 1e-9), math.ceil(last - 1e-9)
    values = [round(k * step, 12) for k in range(start, stop + 1)]
    ends = (low, high) if exact else (values[0], values[-1])
    return Axis(*ends, tuple((v, (text or short)(v)) for v in values))


def log_axis(low: float, high: float, text: Callable[[float], str] | None) -> Axis:
    """A logarithmic axis: ticks at powers of ten, and at 2 and 5 times them on short ranges."""
    low, high = (max(1 / LARGEST, min(LARGEST, end)) for end in (low, high))
    low, high = low / 1.1, high * 1.1
    decades = math.log10(high) - math.log10(low)
    steps = (1, 2, 5) if decades < 2.5 else (1,)
    stride = max(1, round(decades / 6))
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    values = [s * 10.0**e for e in exponents if e % stride == 0 for s in steps]
    values = [v for v in values if low <= v <= high] or [low, high]
    return Axis(low, high, tuple((v, (text or short)(v)) for v in values), log=True)


def short(value: float) -> str:
    """A tick in few characters: 0.25, 40, 20k, 1.5M."""
    for size, letter in ((1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1e6 if letter == 'M' else 1e3):g}{letter}"
    return f"{value:g}".replace("-", "−")


def rate_label(value: float) -> str:
    """A rate as the aLRP paper prints it: values below 1 as 1/x."""
    return f"{value:g}" if value >= 1 else f"1/{float(f'{1 / value:.3g}'):g}"


FORMATS: dict[str, Callable[[float], str]] = {"number": short, "rate": rate_label}
