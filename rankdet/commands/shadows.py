"""Modules of another project that Python finds before those of the environment."""

import os
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from importlib.machinery import PathFinder
from pathlib import Path

from rankdet.commands.packages import EnvironmentProblem

# Names of modules, not of distributions.
MODULES = (
    *("torch", "numpy", "pandas", "pyarrow", "scipy", "pydantic", "pycocotools", "hotcoco"),
    *("mmdet", "mmengine", "mmcv", "cv2", "snakemake", "sklearn", "matplotlib", "yaml", "jinja2"),
    *("PIL", "psutil", "rich"),
)


def shadow_problems(
    modules: Sequence[str] = MODULES,
    path: Sequence[str] | None = None,
    environment: Sequence[Path] | None = None,
) -> Iterator[EnvironmentProblem]:
    """Yields a problem for each folder whose modules hide those of the environment.

    Args:
        modules: The names to look for.
        path: Where Python looks; None: `sys.path`.
        environment: The folders of the environment's packages; None: those of this Python.
    """
    keys = ("purelib", "platlib")
    own = environment or [Path(sysconfig.get_path(key)) for key in keys]
    hidden: dict[str, list[str]] = {}
    for name in modules:
        found = [entry for entry in path or sys.path if _has(entry, name)]
        ours = [entry for entry in found if _same(entry, own)]
        if ours and found[0] != ours[0]:
            hidden.setdefault(found[0], []).append(name)
    for entry, names in hidden.items():
        yield EnvironmentProblem(
            f"{', '.join(names)}: imported from {entry or Path.cwd()}, which hides the "
            f"{'one' if len(names) == 1 else 'ones'} of the environment in {own[0]}",
            _remedy(entry),
        )


def _remedy(entry: str) -> str:
    variable = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if _same(entry, [Path(given or ".") for given in variable if given]):
        return f"remove {entry} from the variable PYTHONPATH (`unset PYTHONPATH` removes all)"
    return f"move these modules out of {entry or Path.cwd()}, or start from another folder"


def _has(entry: str, name: str) -> bool:
    """Whether a folder has a module; a folder without `__init__.py` hides none."""
    spec = PathFinder.find_spec(name, [entry or str(Path.cwd())])
    return spec is not None and spec.origin is not None


def _same(entry: str, folders: Sequence[Path]) -> bool:
    place = Path(entry or ".").resolve()
    return any(place == folder.resolve() for folder in folders)
