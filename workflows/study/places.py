"""Where the parts of the benchmark lie, whatever the current folder is."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOSSES = ROOT / "workflows" / "losses"
DETECTORS = ROOT / "workflows" / "detectors"
PAPERS = ROOT / "workflows" / "papers"
BACKBONES = ROOT / "workflows" / "backbones.yaml"
CONFIG = ROOT / "config"
DEFAULT_STUDY = CONFIG / "smoke.yaml"


def shown(path: Path) -> str:
    """Returns a path as a person would type it: below the current folder where it lies there."""
    try:
        return Path(path).resolve().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return Path(path).as_posix()
