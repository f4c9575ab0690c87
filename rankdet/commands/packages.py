"""The installed packages: their versions, missing ones, and ones that do not import."""

import importlib
import importlib.util
import platform
import re
import shlex
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from rankdet.errors import first_of
from rankdet.repository import ENVIRONMENTS, IN_CLONE

SET_UP = "run `make setup`, or pip install -c envs/constraints.txt -e '.[bench,dev]'"
INSTALL = "pip install '.[losses,evaluate]' in a clone of RankDet Bench"
INSTALL_STUDIES = "pip install '.[bench]' in a clone of RankDet Bench"

PINS = ENVIRONMENTS / "constraints.txt"
# Distribution -> what fails without it. An installed wheel needs only the first group.
NEEDED_ALWAYS = {
    "torch": "the losses and training",
    "numpy": "everything",
    "pandas": "evaluation and reports",
    "pyarrow": "evaluation and reports",
    "scipy": "evaluation",
    "pydantic": "records and studies",
    "pycocotools": "evaluation with `--backend pycocotools` and masks",
    "hotcoco": "evaluation with `--backend hotcoco`",
}
NEEDED_FOR_STUDIES = {
    "mmdet": "the detectors",
    "mmengine": "training",
    "snakemake": "running studies",
    "scikit-learn": "the detector PAA",
    "matplotlib": "mmdet",
    "seaborn": "`rankdet figure`",
}
NEEDED = {**NEEDED_ALWAYS, **NEEDED_FOR_STUDIES}
MMCV = ("mmcv-lite", "mmcv")


def set_up(clone: bool = IN_CLONE) -> str:
    """Returns what installs all packages of studies."""
    return SET_UP if clone else INSTALL_STUDIES


def constraints() -> str:
    """Returns the file of the tested versions, as a shell reads it."""
    return "envs/constraints.txt" if IN_CLONE else shlex.quote(str(PINS))


class EnvironmentProblem(NamedTuple):
    """A problem of this machine and its remedy, one line each."""

    problem: str
    remedy: str


def installed() -> dict[str, str]:
    """Returns the version of Python and of every installed distribution, by normalised name."""
    found = {"python": platform.python_version()}
    for one in metadata.distributions():  # in the order of the path: the first is imported
        if one.name:
            found.setdefault(normal(one.name), one.version)
    return found


def normal(name: str) -> str:
    """Returns a distribution's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(constraints: Path) -> dict[str, str]:
    """Reads `name==version` lines; returns an empty dict if the file does not exist."""
    if not constraints.is_file():
        return {}
    found = re.findall(r"^([\w.-]+)==([^\s;#]+)", constraints.read_text(), flags=re.MULTILINE)
    return {normal(name): version for name, version in found}


def package_problems(
    versions: Mapping[str, str], studies: bool = True, clone: bool = True
) -> Iterator[EnvironmentProblem]:
    """Yields a problem for each missing package.

    Args:
        versions: The installed versions by normalised name.
        studies: Whether to check the packages that only studies need, too.
        clone: Whether the package runs in a clone; else it is installed.
    """
    remedy = set_up(clone) if studies else INSTALL
    for name, purpose in (NEEDED if studies else NEEDED_ALWAYS).items():
        if name not in versions:
            yield EnvironmentProblem(f"{name} is not installed: needed for {purpose}", remedy)
    both = [name for name in MMCV if name in versions]
    if studies and not both:
        yield EnvironmentProblem("mmcv-lite is not installed: needed for the detectors", remedy)
    elif len(both) == 2:
        yield EnvironmentProblem(
            "mmcv and mmcv-lite are both installed and overwrite each other's files",
            "pip uninstall mmcv mmcv-lite, then install one of them",
        )


def version_problems(
    versions: Mapping[str, str], pinned: Mapping[str, str], installed_pins: Path | None = None
) -> Iterator[EnvironmentProblem]:
    """Yields one problem for all packages that differ from their pins; build labels may differ.

    Args:
        versions: The installed versions by normalised name.
        pinned: The versions that were tested.
        installed_pins: The file of these versions in an installed package; None in a clone.
    """
    differing = [
        name
        for name, pin in sorted(pinned.items(), key=lambda item: (item[0] not in NEEDED, item[0]))
        if name in versions and versions[name].split("+")[0] != pin.split("+")[0]
    ]
    if not differing:
        return
    named = [f"{name} {versions[name]} (pinned {pinned[name]})" for name in differing]
    remedy = SET_UP
    if installed_pins:
        remedy = f"pip install -c {shlex.quote(str(installed_pins))} {' '.join(differing)}"
    yield EnvironmentProblem(
        f"versions differ from those that were tested (envs/constraints.txt): {first_of(named, 6)}",
        f"{remedy}; or keep them and expect small numerical differences",
    )


def imported(name: str) -> tuple[ModuleType | None, list[EnvironmentProblem]]:
    """Imports a module; returns None if it is absent, and None with a problem if it is broken."""
    if importlib.util.find_spec(name.split(".")[0]) is None:
        return None, []
    try:
        return importlib.import_module(name), []
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        return None, [
            EnvironmentProblem(f"{name} does not import: {reason}", f"{set_up()} in a new .venv")
        ]


def opencv_problems() -> list[EnvironmentProblem]:
    """Imports OpenCV; its usual package needs libGL, which servers and containers often lack."""
    remedy = (
        "pip uninstall opencv-python opencv-contrib-python opencv-python-headless, then "
        f"pip install --no-deps -c {constraints()} opencv-python-headless"
    )
    return [problem._replace(remedy=remedy) for problem in imported("cv2")[1]]


def find_ops() -> tuple[dict[str, str], list[EnvironmentProblem]]:
    """Imports mmdet with our operations; returns the backend of each operation, and problems."""
    from rankdet.detectors import ops
    from rankdet.detectors.ops import vision

    problems = []
    if error := vision.import_error():
        remedy = "pip uninstall torchvision (it is not needed), or install this torch's version"
        problems.append(EnvironmentProblem(f"torchvision does not import: {error}", remedy))
    ops.install()
    broken = imported("mmcv.ops")[1]
    if broken and ops.compiled_extension() is not None:
        remedy = "pip uninstall mmcv, then pip install mmcv-lite==2.1.0 or an mmcv for this torch"
        broken = [broken[0]._replace(remedy=remedy)]
    return ops.backends(), problems + (broken or imported("mmdet.models")[1])
