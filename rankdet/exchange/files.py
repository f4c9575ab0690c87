"""Which files of a study travel: its records, not its data, logs, caches and unfinished work."""

from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath

from rankdet.results import layout
from rankdet.results.schemas.plan import KEY

# Folders that stay: caches, logs, unfinished work.
OF_STUDY = (layout.LOGS, layout.INTERVALS, layout.PAGES, layout.ORIGIN)
OF_RUN = (layout.LOGS, layout.FINISHED, layout.WORK, layout.LAST, layout.EARLY)
# Folders of a study beside its datasets, of which everything travels.
WHOLE = (layout.TABLES, layout.FIGURES, layout.IMPORTS, layout.TRACKED)
RUN_LEVELS = 4  # of a run's folder below its study's
# Endings of the files of a study. Nothing of them is code that a report or a study would run.
ENDINGS = (".json", ".parquet", ".csv", ".md", ".tex", ".svg", ".pdf", ".png", ".bib", ".kept")
WEIGHTS = ".pth"
CONFIGS = (".yaml", ".yml")
STUDY, CONFIG = "study", "config"  # folders of an archive
ENVIRONMENT, CRATE = "environment.json", "ro-crate-metadata.json"


def study_files(folder: Path, planned: Collection[str], *, weights: bool) -> Iterator[Path]:
    """Yields the files of a study that travel, relative to its folder and sorted.

    Links and runs that are not planned are left out.

    Args:
        folder: The study's folder.
        planned: The keys of its planned runs.
        weights: Whether the weights travel too.
    """
    endings = (*ENDINGS, WEIGHTS) if weights else ENDINGS
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_symlink() or not path.is_file() or path.suffix not in endings:
            continue
        if _travels(name, planned):
            yield name


def _travels(name: Path, planned: Collection[str]) -> bool:
    """Whether a file goes along with its study: folders count only where they really are."""
    first, *others = name.parts
    key = "/".join(name.parts[:RUN_LEVELS])
    if first in WHOLE:
        return not is_hidden(name)
    if key in planned:
        return travels_of_run(Path(*name.parts[RUN_LEVELS:]))
    own = (first in OF_STUDY and others) or others[:1] in ([layout.DATA], [layout.LOGS])
    return not (own or is_hidden(name) or KEY.fullmatch(key))


def travels_of_run(name: Path) -> bool:
    """Returns whether a file goes along with its run: why a run failed does, a log does not.

    Args:
        name: The file, relative to the run's folder. Names of users have a prefix there.
    """
    if name.parts == (layout.WORK, layout.FAILURE):
        return True
    return not is_hidden(name) and not set(name.parts[:-1]) & set(OF_RUN)


def is_hidden(name: Path) -> bool:
    """Returns whether a file or a folder that it is in begins with a dot."""
    return any(part.startswith(".") for part in name.parts)


def fault_of(name: str) -> str | None:
    """Returns why a file of an archive is refused, in a few words; None if it may be unpacked."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or not name.isprintable():
        return "its name leads out of the folder or is not a plain one"
    odd = any(part.startswith(".") or part.endswith((" ", ".")) for part in path.parts)
    if odd or path.as_posix() != name:
        return "its name is not a plain one"
    if name in (ENVIRONMENT, CRATE):
        return None
    if len(path.parts) == 2 and path.parts[0] == CONFIG and path.suffix in CONFIGS:
        return None
    own = path.parts[0] == STUDY and path.parts[1:2] not in {(one,) for one in OF_STUDY}
    if own and path.suffix in (*ENDINGS, WEIGHTS):
        return None
    return "`rankdet export` writes no such file"
