"""Numbers of a record in printed units: AP of .412 becomes 41.2, an undefined value stays None."""

import math
from typing import Any

DIGITS = 6  # decimals of a value in printed units, before it is formatted


def finite(value: Any) -> float | None:
    """Returns the value as a float; None where it is missing, not a number, or not finite."""
    usable = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if usable and math.isfinite(value) else None


def scaled(value: Any, scale: float) -> float | None:
    """Returns a value of a record in printed units, rounded to `DIGITS`; None where undefined.

    Args:
        value: As a JSON record holds it; any value except a finite number is undefined.
        scale: Factor from the record's unit to the printed one, such as 100 for AP.
    """
    known = finite(value)
    return None if known is None else round(known * scale, DIGITS)


def in_digits(value: float, decimals: int, sign: bool = False) -> str:
    """Returns a number with fixed decimals; a zero has no sign.

    Args:
        value: A number in printed units.
        decimals: The decimals.
        sign: Whether a number above 0 gets a plus sign.
    """
    text = f"{value:{'+' if sign else ''}.{decimals}f}"
    return text.lstrip("+-") if float(text) == 0 else text


def digits_that_show(value: float | None, decimals: int) -> int:
    """Returns with how many decimals the end of an interval is printed, so that its side is seen.

    An end of .04 with one decimal would be printed as 0.0, and nobody would see on which side of 0
    it is. It gets as many decimals as its first digit needs, `DIGITS` at most.

    Args:
        value: The end in printed units; None where undefined.
        decimals: The usual decimals.
    """
    if not value:
        return decimals
    while round(value, decimals) == 0 and decimals < DIGITS:
        decimals += 1
    return decimals
