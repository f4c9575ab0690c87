"""Checks that the value of an option is one of the known ones."""

from collections.abc import Sequence

from rankdet.errors import InputError


def check_known(name: str, value: str, known: Sequence[str]) -> None:
    """Raises an `InputError` that lists the known values if `value` is not one of them."""
    if value not in known:
        raise InputError(f"unknown {name} {value!r}; known: {', '.join(known)}")
