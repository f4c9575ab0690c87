"""Keys of a study that have a new name since 0.2. The old names are accepted until 0.3."""

import sys
from collections.abc import Mapping
from typing import Any

from rankdet.errors import InputError

RENAMED = {"form": "preset", "tests": "test_variants"}


def with_new_names(values: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Returns a config with the new names of its keys, and prints a note for each old name.

    Args:
        values: The config as read.
        source: The config file's name, for messages.

    Raises:
        InputError: If a key is given under both names.
    """
    found: set[str] = set()
    new = _renamed(values, ("form",), source, found)
    if isinstance(new.get("cost"), Mapping):
        new["cost"] = _renamed(new["cost"], ("form",), f"{source}: cost", found)
    if isinstance(new.get("runs"), list):
        new["runs"] = [
            _renamed(group, ("tests",), f"{source}: runs[{index}]", found)
            if isinstance(group, Mapping)
            else group
            for index, group in enumerate(new["runs"])
        ]
    for old in sorted(found):
        print(
            f"note: {source}: {old} is called {RENAMED[old]} since 0.2; rename the key, because "
            "0.3 will not accept the old name",
            file=sys.stderr,
        )
    return new


def _renamed(
    values: Mapping[str, Any], names: tuple[str, ...], where: str, found: set[str]
) -> dict[str, Any]:
    new = dict(values)
    for old in names:
        if old not in new:
            continue
        if RENAMED[old] in new:
            raise InputError(f"{where}: {old} is the old name of {RENAMED[old]}; remove {old}")
        found.add(old)
        new[RENAMED[old]] = new.pop(old)
    return new
