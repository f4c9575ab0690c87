"""The plan of a study that a user names: by its name, its folder, or the plan itself."""

import os
from pathlib import Path

from rankdet.errors import InputError
from rankdet.repository import IN_CLONE, ROOT, STUDY
from rankdet.results.layout import PLAN
from rankdet.suggest import close

RESULTS = Path("results")  # the results of all studies, in the current folder
CONFIGS = (".yaml", ".yml")


def find_plan(study: object, results: Path = RESULTS) -> Path:
    """Returns the path of the plan of a study.

    Args:
        study: The name of the study, its results folder, or its plan file: a text or a path.
        results: The folder with the results of all studies.

    Raises:
        InputError: If there is no such plan; the message names the studies that have one, or says
            what to do with a file that is another one.
    """
    if not isinstance(study, str | os.PathLike) or not os.fspath(study):
        raise InputError(
            f"{study!r:.60}: not a study; give its name, its folder such as 'results/smoke', or "
            "its plan.json"
        )
    named = Path(os.fsdecode(study))
    if named.is_file():
        if problem := _other_file(named):
            raise InputError(f"{named}: {problem}")
        return named
    for path in (named / PLAN, results / named / PLAN):
        if path.is_file():
            return path
    known = sorted(path.parent.name for path in results.glob(f"*/{PLAN}"))
    near = close(named.name, known)
    hint = f"did you mean {near!r}? " if near else ""
    there = f"studies with a plan: {', '.join(known)}" if known else _first_step()
    if named.is_dir() and len(named.parts) > 1:
        raise InputError(f"{named}/: {PLAN} is missing; {hint}{there}")
    raise InputError(f"no study {str(named)!r} in {results}/: {hint}{there}")


def _other_file(path: Path) -> str | None:
    """What to do with a file that is no plan; None if it may be one."""
    if path.suffix.lower() == ".zip":
        return f"an exported study; unpack it first: `rankdet import {path}`"
    if path.suffix in CONFIGS:
        return "a config, not a study's results; name the study, or its folder in results/"
    return None


def _first_step() -> str:
    """What to do where no study is, in a clone, a folder of `rankdet init`, or another folder."""
    if Path(STUDY).is_file():
        return f"run {STUDY} first: `snakemake --cores all`"
    if IN_CLONE and Path.cwd() == ROOT:
        return "run `make smoke` first"
    return "name the folder of its results, their folder with --results, or run it first"
