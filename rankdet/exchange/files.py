"""Which files of a study travel: its records, not its data, logs, caches and unfinished work."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from rankdet.results import layout

# Folders that stay, at any depth: caches, logs, unfinished work.
STAY = (
    *("logs", "intervals", "pages", "finished", "origin"),
    *(layout.WORK, layout.LAST, layout.EARLY),
)
DATA = "data"  # the folder with the annotations of a dataset
# Endings of the files of a study. Nothing of them is code that a report or a study would run.
ENDINGS = (".json", ".parquet", ".csv", ".md", ".tex", ".svg", ".pdf", ".png", ".bib", ".kept")
WEIGHTS = ".pth"
CONFIGS = (".yaml", ".yml")
STUDY, CONFIG = "study", "config"  # folders of an archive
ENVIRONMENT, CRATE = "environment.json", "ro-crate-metadata.json"


def study_files(folder: Path, *, weights: bool) -> Iterator[Path]:
    """Yields the files of a study that travel, relative to its folder and sorted.

    Links are left out.

    Args:
        folder: The study's folder.
        weights: Whether the weights travel too.
    """
    endings = (*ENDINGS, WEIGHTS) if weights else ENDINGS
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_symlink() or not path.is_file() or path.suffix not in endings:
            continue
        if travels(name) and name.parts[1:2] != (DATA,):
            yield name


def travels(name: Path) -> bool:
    """Returns whether a file goes along with its study: why a run failed does, a log does not."""
    if name.parts[-2:] == (layout.WORK, layout.FAILURE):
        return True
    hidden = any(part.startswith(".") for part in name.parts)
    return not hidden and not set(name.parts[:-1]) & set(STAY)


def fault_of(name: str) -> str | None:
    """Returns why a file of an archive is refused, in a few words; None if it may be unpacked."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or not name.isprintable():
        return "its name leads out of the folder or is not a plain one"
    if any(part.startswith(".") or part.endswith((" ", ".")) for part in path.parts):
        return "its name is not a plain one"
    if name in (ENVIRONMENT, CRATE):
        return None
    if len(path.parts) == 2 and path.parts[0] == CONFIG and path.suffix in CONFIGS:
        return None
    if path.parts[0] == STUDY and path.suffix in (*ENDINGS, WEIGHTS):
        return None
    return "`rankdet export` writes no such file"
