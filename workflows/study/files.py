"""Files that the workflow reads: records that may not be there yet, and YAML that must be."""

import json
from pathlib import Path
from typing import Any

import yaml

from rankdet.errors import InputError
from workflows.study.places import shown


def read_record(path: Path) -> dict[str, Any]:
    """Returns a JSON object; empty where there is none, or none that can be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def read_yaml(path: Path) -> Any:
    """Returns what a YAML file of the benchmark holds.

    Raises:
        InputError: If it cannot be read.
    """
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{shown(path)}: not valid YAML: {' '.join(str(error).split())}") from None
