"""Which config file a study was planned from, if a file here plans the same runs.

Two configs may have the same `study:`, and a command with the wrong one would make other runs. So a
file is named only if it has the title, tables, figures and runs of the plan.
"""

from collections.abc import Iterator
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

from rankdet.files import shown
from rankdet.parsing import parse_yaml
from rankdet.repository import CONFIG
from rankdet.results.records import RecordedStudy

UNKNOWN = "CONFIG"  # in a command, where the config is not known; the page says what it stands for


def config_name(study: RecordedStudy) -> str:
    """Returns the config file of a study, or `UNKNOWN`.

    The path is relative to the current folder; of a file elsewhere it is the file's name.
    """
    planned = _planned(study)
    known = _configs(study.name, Path.cwd())
    return next((name for name, facts in known if facts == planned), UNKNOWN)


def _planned(study: RecordedStudy) -> dict[str, Any]:
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


@cache
def _configs(name: str, here: Path) -> tuple[tuple[str, dict[str, Any]], ...]:
    """The config files of this name, in a folder and in the package, with their facts."""
    folders = (here, here / "config", CONFIG)
    return tuple(
        (_relative(path), facts)
        for path in dict.fromkeys(p for folder in folders for p in sorted(folder.glob("*.yaml")))
        if (facts := _facts(path, name)) is not None
    )


def _relative(path: Path) -> str:
    text = shown(path)
    return path.name if Path(text).is_absolute() else text


def _facts(path: Path, name: str) -> dict[str, Any] | None:
    """What a config says about the facts of a plan; None if it is not known without planning."""
    try:
        config = parse_yaml(path.read_text(encoding="utf-8"))
        if not isinstance(config, dict) or config.get("study") != name:
            return None
        if config.get("runs_of_tables"):  # its runs are those of the tables
            return None
        return {
            "title": config.get("title", ""),
            "preset": config.get("preset"),
            "scale": config.get("scale", ""),
            "tables": set(config.get("tables") or ()),
            "figures": set(config.get("figures") or ()),
            "runs": {run for group in config["runs"] for run in _runs(group)},
        }
    except (OSError, ValueError, KeyError, TypeError):
        return None  # not a config, or its runs are not known without planning


def _runs(group: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    lists = [group[key] for key in ("detectors", "losses", "seeds")]
    if not all(isinstance(one, list) for one in lists):
        raise TypeError
    return product([group["dataset"]], *lists)
