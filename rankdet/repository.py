"""Paths of the repository. An installed wheel does not contain them."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOSSES = ROOT / "workflows" / "losses"
DETECTORS = ROOT / "workflows" / "detectors"
BACKBONES = ROOT / "workflows" / "backbones.yaml"
SCHEDULES = ROOT / "workflows" / "schedules.yaml"
PAPERS = ROOT / "analysis" / "papers"
FIGURES = ROOT / "analysis" / "figures"
SETTINGS = ROOT / "analysis" / "settings"
TEMPLATES = ROOT / "reports" / "templates"
STATIC = ROOT / "reports" / "static"
CONFIG = ROOT / "config"
DEFAULT_STUDY = CONFIG / "smoke.yaml"
ENVIRONMENTS = ROOT / "envs"
DATA = ROOT / "data"

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
