"""Losses and detectors that a study names by their path, such as `./losses/mine.py+sharp`."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rankdet.errors import InputError
from rankdet.repository import PLUGINS

NAMED = ("losses", "detectors")
AS_PATH = {kind: re.compile(rf"(.*{re.escape(PLUGINS[kind][1])})(\+.*)?") for kind in NAMED}


def with_names(values: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Returns a study's config in which such losses and detectors are names.

    Their files are added to `paths`, where the study then finds them.

    Args:
        values: The config as it is written.
        source: The config file's name, for messages.

    Raises:
        InputError: If a file does not exist, or two files have the same name.
    """
    found: dict[str, dict[str, str]] = {kind: {} for kind in NAMED}
    runs, cost = values.get("runs"), values.get("cost")
    changed = dict(values)
    if isinstance(runs, list):
        changed["runs"] = [_named(g, f"{source}: runs[{i}]", found) for i, g in enumerate(runs)]
    if isinstance(cost, dict):
        changed["cost"] = _named(cost, f"{source}: cost", found)
    paths = values.get("paths") or {}
    if any(found.values()) and isinstance(paths, dict):
        more = {kind: list(dict.fromkeys(files.values())) for kind, files in found.items() if files}
        listed = {kind: paths.get(kind) or _default(kind) for kind in more}
        changed["paths"] = {**paths, **{kind: [*listed[kind], *more[kind]] for kind in more}}
    return changed


def _default(kind: str) -> list[str]:
    return [kind] if Path(kind).is_dir() else []


def _named(group: Any, where: str, found: dict[str, dict[str, str]]) -> Any:
    if not isinstance(group, dict):
        return group
    changed = dict(group)
    for kind in NAMED:
        if isinstance(group.get(kind), list):
            entries = enumerate(group[kind])
            changed[kind] = [_name(one, f"{where}.{kind}[{i}]", kind, found) for i, one in entries]
    return changed


def _name(entry: Any, where: str, kind: str, found: dict[str, dict[str, str]]) -> Any:
    parts = AS_PATH[kind].fullmatch(entry) if isinstance(entry, str) else None
    if parts is None:
        return entry
    path = Path(parts[1])
    if not path.is_file():
        raise InputError(f"{where}: found {entry!r}, but there is no file {parts[1]}; write it")
    known = found[kind].setdefault(path.stem, parts[1])
    if Path(known).resolve() != path.resolve():
        raise InputError(f"{where}: {parts[1]} and {known} have the same name; rename one of them")
    return path.stem + (parts[2] or "")


def check_places(
    paths: Mapping[str, list[str] | None], source: str
) -> Iterator[tuple[str, list[str]]]:
    """Yields the places of `paths` that a study gives.

    Raises:
        InputError: If one does not exist, or is a file of another kind.
    """
    for kind, places in paths.items():
        for index, place in enumerate(places or ()):
            where = f"{source}: paths.{kind}[{index}]: found {place!r}"
            if not Path(place).exists():
                raise InputError(f"{where}; there is no such folder or file; make it")
            suffix = PLUGINS[kind][1]
            if Path(place).is_file() and not (suffix and Path(place).suffix == suffix):
                or_file = f" or a {suffix} file" if suffix else ""
                raise InputError(f"{where}; give a folder{or_file}")
        if places is not None:
            yield kind, places
