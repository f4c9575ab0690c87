"""Arguments of a module: checked when it is made, and shown by its `repr`."""

import inspect
from collections.abc import Collection
from numbers import Real

from torch import nn


def number(name: str, value: float, *, above: float | None = None, least: float = 0.0) -> float:
    """Returns an argument of a module after a check, when the module is made.

    Args:
        name: the argument.
        value: what was given.
        above: the value must be larger than this.
        least: without `above`: the smallest allowed value.

    Raises:
        ValueError: The value is not a number, or too small.
    """
    limit = f"more than {above:g}" if above is not None else f"{least:g} or more"
    fits = isinstance(value, Real) and (value > above if above is not None else value >= least)
    if not fits:
        raise ValueError(f"{name} is {value!r}; give {limit}")
    return value


def one_of(name: str, value: str, known: Collection[str]) -> str:
    """Returns an argument after a check.

    Raises:
        ValueError: The value is none of the known ones.
    """
    if value not in known:
        raise ValueError(f"{name} is {value!r}; known are {', '.join(known)}")
    return value


def arguments_of(module: nn.Module) -> str:
    """Returns ``name=value`` of every argument of a module that it keeps as an attribute."""
    names = inspect.signature(type(module).__init__).parameters
    found = {name: getattr(module, name, print) for name in names if name != "self"}
    return ", ".join(f"{name}={value!r}" for name, value in found.items() if not callable(value))
