"""Losses and detectors by name: the one file of a name."""

from collections.abc import Mapping
from pathlib import Path

from rankdet.errors import InputError
from rankdet.files import shown
from rankdet.suggest import choice


def only_file(what: str, name: str, known: Mapping[str, list[Path]]) -> Path:
    """Returns the one file of a name.

    Raises:
        InputError: If there is none, or several.
    """
    if name not in known:
        raise InputError(f"unknown {what} {name!r}; {choice(name, known)}")
    first, *others = known[name]
    if others:
        raise InputError(
            f"{shown(others[0])}: there is another {what} {name!r}, {shown(first)}; give this file "
            "another name"
        )
    return first
