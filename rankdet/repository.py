"""Where files are: the product's own, in a clone or an installed wheel, and those of the user.

A clone has the product's files in its top-level folders. A wheel has a copy of them beside the
modules, in `rankdet/_share` (docs/decisions/034-wheel.md). The user's files are in the folder from
which a command or Snakemake is started; in a clone this is usually the clone itself.
"""

import re
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

CODE = Path(__file__).resolve().parents[1]  # the folder that has the package


def product(code: Path) -> Path:
    """Returns the folder with the product's own files, for the folder that has the package."""
    share = code / "rankdet" / "_share"
    return share if share.is_dir() else code


ROOT = product(CODE)
IN_CLONE = ROOT == CODE
SNAKEFILE = ROOT / "Snakefile"
LOSSES = ROOT / "workflows" / "losses"
DETECTORS = ROOT / "workflows" / "detectors"
LAB = ROOT / "workflows" / "lab"  # what `rankdet init` copies
BACKBONES = ROOT / "workflows" / "backbones.yaml"
SCHEDULES = ROOT / "workflows" / "schedules.yaml"
PAPERS = ROOT / "analysis" / "papers"
FIGURES = ROOT / "analysis" / "figures"
SETTINGS = ROOT / "analysis" / "settings"
TEMPLATES = ROOT / "reports" / "templates"
STATIC = ROOT / "reports" / "static"
CONFIG = ROOT / "config"
PROFILES = ROOT / "profiles"
ENVIRONMENTS = ROOT / "envs"
DATA = ROOT / "data"
INSTALLED = ("stdlib", "purelib", "platlib")  # where Python's packages are
NOT_OWN = re.compile(r"\..*|site-packages|dist-packages")  # folders in a user's folder
# Written files. They never go into an installed package.
CACHE = DATA / "cache" if IN_CLONE else Path.home() / ".cache" / "rankdet"

# Where Snakemake looks for a workflow.
SNAKEFILES = ("Snakefile", "snakefile", "workflow/Snakefile", "workflow/snakefile")
COMMIT = "RANKDET_COMMIT"  # environment variable of a container: the code has no repository there
STUDY = "study.yaml"  # the study of a folder that `rankdet init` made
PLUGINS = {"losses": (LOSSES, ".py"), "detectors": (DETECTORS, ".yaml"), "papers": (PAPERS, "")}
_chosen: dict[str, tuple[Path, ...]] = {}


def default_study() -> Path:
    """Returns the study that runs if none is named: `study.yaml` of this folder, else smoke."""
    return Path(STUDY) if Path(STUDY).is_file() else CONFIG / "smoke.yaml"


def runs_studies(folder: Path) -> bool:
    """Returns whether `snakemake` finds a workflow in a folder, as in a lab or in the clone."""
    return any((folder / name).is_file() for name in SNAKEFILES)


def use_places(chosen: Mapping[str, Iterable[str | Path]]) -> None:
    """Sets where this process looks for the user's own losses, detectors and papers.

    Args:
        chosen: A key of `PLUGINS` to folders or single files; a key that is left out means the
            folder of this name in the current folder.
    """
    _chosen.clear()
    _chosen.update({kind: tuple(map(Path, places)) for kind, places in chosen.items()})


def own_places(kind: str) -> tuple[Path, ...]:
    """Returns where the user's own files of a kind are: folders that exist, and single files."""
    return tuple(place for place in _chosen.get(kind, (Path(kind),)) if place.exists())


def places(kind: str) -> tuple[Path, ...]:
    """Returns where files of a kind are: the product's folder, then the user's places."""
    return PLUGINS[kind][0], *own_places(kind)


def named_files(kind: str) -> dict[str, list[Path]]:
    """Returns the losses or detectors that there are: name to its files, usually one.

    A file with a leading underscore is none.
    """
    found: dict[str, list[Path]] = {}
    for place in places(kind):
        for path in _files(place, PLUGINS[kind][1]):
            known = found.setdefault(path.stem, [])
            if not any(path.samefile(other) for other in known):
                known.append(path)
    return dict(sorted(found.items()))


def _files(place: Path, suffix: str) -> Iterator[Path]:
    files = [place] if place.is_file() else sorted(place.glob(f"*{suffix}"))
    yield from (path for path in files if not path.stem.startswith("_"))


def paper_files() -> list[Path]:
    """Returns the YAML files in the folders of papers."""
    return [path for place in places("papers") for path in sorted(place.glob("*/*.yaml"))]


def paper_file(name: str) -> Path:
    """Returns the specification of a table or figure, such as `alrp/table2`.

    One of the product goes before one of the user. It may be missing: then it is the product's.
    """
    found = (place / f"{name}.yaml" for place in places("papers"))
    return next((path for path in found if path.is_file()), PAPERS / f"{name}.yaml")


def own_folders(path: Path) -> tuple[Path, ...]:
    """Returns the folders in which a user's Python file may import modules, the first one first.

    They are its own folder and the current folder. There are none for a file of the product.
    """
    path = path.resolve()
    return () if path.is_relative_to(ROOT) else tuple(dict.fromkeys((path.parent, Path.cwd())))


def is_own(name: str, path: Path) -> bool:
    """Returns whether a file is a user's Python file, or one that it may import from the user.

    Args:
        name: The file, as Python names it in a traceback.
        path: The user's Python file. Of the product's files only this one itself counts.
    """
    if name.startswith("<"):  # code without a file
        return False
    found = Path(name).resolve()
    if found == path.resolve():
        return True
    installed = (ROOT, CODE / "rankdet", *(Path(sysconfig.get_path(k)) for k in INSTALLED))
    if any(found.is_relative_to(place.resolve()) for place in installed):
        return False
    inside = (found.relative_to(f).parts for f in own_folders(path) if found.is_relative_to(f))
    return any(not any(NOT_OWN.fullmatch(part) for part in parts) for parts in inside)


# Snakemake gives the path of Python to a shell without quotes.
SPECIAL_TO_A_SHELL = re.compile(r"""[\s&'"$;()<>|*?\[\]!#`{}\\]""")
# Snakemake fills in what is between braces, and a colon ends an entry of PYTHONPATH.
SPECIAL_TO_SNAKEMAKE = re.compile(r"[{}:\n]")


def unusable(clone: Path | str, python: Path | str) -> str | None:
    """Returns in one line why a study cannot run from these paths; None if it can.

    Args:
        clone: The folder of the repository.
        python: The Python of the environment.
    """
    checked = (
        (SPECIAL_TO_SNAKEMAKE, "clone", clone, "move it"),
        (SPECIAL_TO_A_SHELL, "environment", Path(python).parent.parent, "make it elsewhere"),
    )
    for special, what, path, remedy in checked:
        if found := special.search(str(path)):
            return (
                f"the path of the {what} contains {found.group()!r}, with which Snakemake cannot "
                f"start jobs ({str(path)!r}); {remedy}: letters, digits and . _ - are fine"
            )
    return None
