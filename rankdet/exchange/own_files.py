"""The user's own files that a study was made with: no archive has them, because they are code."""

from collections.abc import Iterator
from pathlib import Path

from rankdet.errors import first_of
from rankdet.exchange.made_of import files_of
from rankdet.repository import PLUGINS, ROOT, named_files
from rankdet.results.records import RecordedStudy

SHOWN = 6  # names in a message


def own_files(study: RecordedStudy) -> list[str]:
    """Returns the user's losses, the modules and files that they use, detectors and tables, sorted.

    They are named as where the study was made, relative to the folder of that user. Some may not be
    here.
    """
    recorded = {name for run in study.runs for name in files_of(run) if _is_own_file(name)}
    specs = {one.spec for one in (*study.plan.tables, *study.plan.figures)}
    tables = {name for name in specs if not (ROOT / name).is_file()}
    return sorted({*recorded, *tables, *_by_name(study)})


def _is_own_file(name: str) -> bool:
    """Packages are recorded, too: their names have no ending."""
    ours = name.startswith("rankdet/") or (ROOT / name).is_file()
    return bool(Path(name).suffix) and not ours


def _by_name(study: RecordedStudy) -> Iterator[str]:
    """The files of the losses and detectors that the plan names; unknown ones were own ones."""
    made_here = [run.planned for run in study.runs if not run.imported]
    used = {
        "losses": {run.loss for run in made_here if not run.untrained},
        "detectors": {run.detector for run in made_here},
    }
    for kind, names in used.items():
        known = named_files(kind)
        for name in names - known.keys():
            yield f"{kind}/{name}{PLUGINS[kind][1]}"
        for path in (known[name][0] for name in names & known.keys()):
            if not path.resolve().is_relative_to(ROOT):
                yield path.as_posix()


def listed(names: list[str]) -> str:
    """Returns the first names, and how many more there are."""
    return first_of(names, SHOWN)


def here(names: list[str]) -> list[str]:
    """Returns the files that are in the current folder."""
    return [name for name in names if Path(name).is_file()]
