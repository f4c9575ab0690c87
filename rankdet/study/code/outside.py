"""Where the modules are that a loss file imports: the user's files, installed packages, or nowhere.

Nothing is imported. The search is that of a job: the loss file's folder and the current folder come
first (`rankdet.files.import_file`), then Python's path.
"""

import sys
import sysconfig
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from importlib.machinery import BuiltinImporter, FrozenImporter, PathFinder
from importlib.util import find_spec
from pathlib import Path

# What training itself needs: these versions are in every record, and an update trains nothing again
# (docs/decisions/002-what-runs-again.md).
DEPENDENCIES = frozenset(
    ("torch", "torchvision", "numpy", "scipy", "pandas", "mmdet", "mmengine", "mmcv", "pydantic")
)
INSTALLED_IN = ("site-packages", "dist-packages")
STANDARD, INSTALLED, OWN, MISSING = "standard", "installed", "own", "missing"


@dataclass(frozen=True)
class Place:
    """Where a top-level module is.

    Attributes:
        kind: `standard`, `installed`, `own` or `missing`.
        folder: The folder that has the module; None unless it is `own`.
    """

    kind: str
    folder: Path | None = None


@lru_cache(maxsize=4096)
def place_of(name: str, own: tuple[Path, ...]) -> Place:
    """Returns where a top-level module is.

    Args:
        name: Its name, without dots.
        own: Folders that are searched first.
    """
    if name in sys.stdlib_module_names:
        return Place(STANDARD)
    if name in DEPENDENCIES:
        return Place(INSTALLED)
    PathFinder.invalidate_caches()  # a file may be new
    found = PathFinder.find_spec(name, [str(folder) for folder in own])
    if found is None:
        for finder in (BuiltinImporter, FrozenImporter):
            if finder.find_spec(name) is not None:
                return Place(STANDARD)
        try:
            found = find_spec(name)
        except (ImportError, ValueError):  # a module of this process without a specification
            return Place(INSTALLED)
    if found is None:
        return Place(MISSING)
    origin = found.origin or next(iter(found.submodule_search_locations or ()), None)
    if origin is None:
        return Place(INSTALLED)
    path = Path(origin)
    if set(path.parts) & set(INSTALLED_IN) or path.is_relative_to(sysconfig.get_path("stdlib")):
        return Place(INSTALLED)
    above = 1 if path.name == "__init__.py" else 0
    return Place(OWN, path.parents[above])


@lru_cache
def version_of(name: str) -> str:
    """Returns the version of the distribution that has an installed module; empty if unknown."""
    for distribution in _distributions().get(name, ()):
        return metadata.version(distribution)
    return ""


@lru_cache
def _distributions() -> dict[str, list[str]]:
    return dict(metadata.packages_distributions())
