"""Paths of the repository. An installed wheel does not contain them."""

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
