"""Arguments of a module: checked when it is made, and shown by its `repr`."""

import inspect
import math
from collections.abc import Collection
from numbers import Integral, Real
from typing import Any

from torch import nn


def number(name: str, value: float, *, above: float | None = None, least: float = 0.0) -> float:
    """Returns an argument of a module after a check, when the module is made.

    Args:
        name: the argument.
        value: what was given.
        above: the value must be larger than this.
        least: without `above`: the smallest allowed value.

    Raises:
        ValueError: The value is not a finite number, or too small.
    """
    limit = f"more than {above:g}" if above is not None else f"{least:g} or more"
    if not isinstance(value, Real) or isinstance(value, bool):
        raise ValueError(f"{name} is {shown(value)}; give {limit}")
    if value in (math.inf, -math.inf):
        limit = f"a finite number, {limit}" if math.isfinite(least) else "a finite number"
    elif value > above if above is not None else value >= least:
        return value
    raise ValueError(f"{name} is {shown(value)}; give {limit}")


def whole(name: str, value: int, least: int) -> int:
    """Returns an argument that counts something, after a check.

    Raises:
        ValueError: The value is not a whole number, or too small.
    """
    fits = isinstance(value, Real) and not isinstance(value, bool)
    if not fits or not value >= least or value == math.inf or value != int(value):
        raise ValueError(f"{name} is {shown(value)}; give {least} or more, a whole number")
    return int(value)


def flag(name: str, value: bool) -> bool:
    """Returns an argument that is true or false, after a check.

    Raises:
        ValueError: The value is something else, such as the string "no", which would be true.
    """
    if not isinstance(value, Integral) or value not in (0, 1):
        raise ValueError(f"{name} is {shown(value)}; give True or False")
    return bool(value)


def kind_of(value: Any) -> str:
    """Returns what a value is, for a message: "a list", "an int", "None"."""
    if value is None:
        return "None"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    name = type(value).__name__.replace("ndarray", "numpy array")
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def shown(value: Any) -> str:
    """Returns a value for a message of one line: numbers and strings as they are, else its kind."""
    return repr(value) if isinstance(value, Real | str) else kind_of(value)


def one_of(name: str, value: str, known: Collection[str]) -> str:
    """Returns an argument after a check.

    Raises:
        ValueError: The value is none of the known ones.
    """
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"{name} is {shown(value)}; known are {', '.join(known)}")
    return value


def arguments_of(module: nn.Module) -> str:
    """Returns ``name=value`` of every argument of a module that it keeps as an attribute."""
    names = inspect.signature(type(module).__init__).parameters
    found = {name: getattr(module, name, print) for name in names if name != "self"}
    return ", ".join(f"{name}={value!r}" for name, value in found.items() if not callable(value))
