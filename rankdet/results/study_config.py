"""Which config file a study was planned from, if a file here plans the same runs.

Two configs may have the same `study:`, and a command with the wrong one would make other runs. So a
file is taken only if it has the title, tables, figures and runs of the plan.
"""

from functools import cache
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

from rankdet.errors import InputError
from rankdet.files import read_yaml, shown
from rankdet.repository import CONFIG
from rankdet.results.records import RecordedStudy

UNKNOWN = "CONFIG"  # in a command, where the config is not known; the page says what it stands for
NEAR = (Path(), Path("config"))  # where the config of a user's study is looked for
MOST_RUNS = 100_000  # of a config that is compared; short lists may have a product of any size
Facts = dict[str, Any]


def config_name(study: RecordedStudy) -> str:
    """Returns the config file of a study, or `UNKNOWN`.

    The path is relative to the current folder; of a file elsewhere it is the file's name.
    """
    here = Path.cwd()
    planned = _planned(study)
    known = _configs(study.name, (here, here / "config", CONFIG))
    return next((_relative(path) for path, facts in known if facts == planned), UNKNOWN)


def config_files(study: RecordedStudy) -> list[Path]:
    """Returns the configs that a study may have in the current folder or its `config/`.

    If no file plans the study's runs, these are the files of the study's name whose runs are not
    known without planning, but none that plans other runs.
    """
    known = _configs(study.name, NEAR)
    for wanted in (_planned(study), None):
        if found := [path for path, facts in known if facts == wanted]:
            return found
    return []


def configs_named(name: str) -> list[Path]:
    """Returns the configs of a name there; the caller compares their settings."""
    return [path for path, _ in _configs(name, NEAR)]


def _planned(study: RecordedStudy) -> Facts:
    plan = study.plan
    return {
        "title": plan.study.title,
        "preset": plan.study.preset,
        "scale": plan.study.scale,
        "tables": {one.id for one in plan.tables},
        "figures": {one.id for one in plan.figures},
        "runs": {
            (run.dataset, run.detector, "+".join(filter(None, [run.loss, run.variant])), run.seed)
            for run in plan.runs
            if not run.untrained and not run.imported
        },
    }


def _configs(name: str, folders: tuple[Path, ...]) -> list[tuple[Path, Facts | None]]:
    """The config files of this name in some folders, with their facts; None: not known."""
    paths = dict.fromkeys(path for folder in folders for path in sorted(folder.glob("*.yaml")))
    found = ((path, _config(path.absolute())) for path in paths)
    return [(path, _facts(config)) for path, config in found if config.get("study") == name]


@cache
def _config(path: Path) -> dict[str, Any]:
    """The content of a YAML file; empty if it cannot be read or is not a config."""
    try:
        found = read_yaml(path)
    except InputError:  # no config: a folder, a pipe, a large file of data, another text
        return {}
    return found if isinstance(found, dict) else {}


def _relative(path: Path) -> str:
    text = shown(path)
    return path.name if Path(text).is_absolute() else text


def _facts(config: dict[str, Any]) -> Facts | None:
    """What a config says about the facts of a plan; None if it is not known without planning."""
    if config.get("runs_of_tables"):  # its runs are those of the tables
        return None
    try:
        lists = [_lists(group) for group in config["runs"]]
        if sum(prod(map(len, one)) for one in lists) > MOST_RUNS:
            return None
        return {
            "title": config.get("title", ""),
            "preset": config.get("preset"),
            "scale": config.get("scale", ""),
            "tables": set(config.get("tables") or ()),
            "figures": set(config.get("figures") or ()),
            "runs": {run for one in lists for run in product(*one)},
        }
    except (KeyError, TypeError):
        return None  # its runs are written in another way


def _lists(group: dict[str, Any]) -> list[list[Any]]:
    lists = [group[key] for key in ("detectors", "losses", "seeds")]
    if not all(isinstance(one, list) for one in lists):
        raise TypeError
    return [[group["dataset"]], *lists]
