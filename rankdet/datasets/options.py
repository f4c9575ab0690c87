"""Reading config: a wrong key or value ends in one line that says what to write instead."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from rankdet.errors import InputError
from rankdet.suggest import nearest


def check_keys(config: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    """Raises InputError for the first key that is not known, naming the nearest that is."""
    known = list(known)
    for key in config:
        if key not in known:
            raise InputError(f"{where}: unknown key {key!r}; {nearest(str(key), known)}")


def integer(value: Any, low: int, high: int, where: str) -> int:
    """Returns a whole number in [low, high]; anything else is an InputError."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InputError(f"{where} is {value!r}; give a whole number from {low} to {high}")
    return value


def fraction(value: Any, where: str) -> float:
    """Returns a number in [0, 1]; anything else is an InputError."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise InputError(f"{where} is {value!r}; give a number from 0 to 1")
    return float(value)


def text(value: Any, where: str) -> str:
    """Returns a string that is not empty; anything else is an InputError."""
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"{where} is {value!r}; give a text")
    return value


def flag(value: Any, where: str) -> bool:
    """Returns true or false; anything else is an InputError."""
    if not isinstance(value, bool):
        raise InputError(f"{where} is {value!r}; give true or false")
    return value


def is_number(value: Any) -> bool:
    """Returns whether a value read from JSON is a finite number (booleans are none)."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value)
