"""Losses and detectors by name: the one file of a name."""

from collections.abc import Mapping
from pathlib import Path

from rankdet.errors import InputError
from rankdet.files import shown
from rankdet.results.layout import ORIGIN, PLAN
from rankdet.results.schemas.plan import Plan
from rankdet.suggest import choice

PLACES = {"loss": ("losses", ".py"), "detector": ("detectors", ".yaml")}


def only_file(what: str, name: str, known: Mapping[str, list[Path]]) -> Path:
    """Returns the one file of a name.

    Raises:
        InputError: If there is none, or several.
    """
    if name not in known:
        elsewhere = _imported_with(what, name)
        raise InputError(f"unknown {what} {name!r}; {elsewhere}{choice(name, known)}")
    first, *others = known[name]
    if others:
        raise InputError(
            f"{shown(others[0])}: there is another {what} {name!r}, {shown(first)}; give this file "
            "another name"
        )
    return first


def _imported_with(what: str, name: str) -> str:
    """Where to get the file of a loss or detector of an imported study; empty if none has it."""
    for origin in sorted(Path("results").glob(f"*/{ORIGIN}")):
        plan, _ = Plan.read(origin.parent / PLAN)
        if plan and any(getattr(run, what) == name and not run.imported for run in plan.runs):
            kind, ending = PLACES[what]
            return (
                f"{origin.parent.as_posix()}, an imported study, has runs with it: copy its file "
                f"{name}{ending} to {kind}/ from where the study was made. "
            )
    return ""
