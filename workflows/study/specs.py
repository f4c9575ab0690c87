"""Files that jobs hand on: the spec completed by its data, and `plan.json`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rankdet.errors import InputError


def with_data(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a run's spec with the checksum of its data, which exists only by now.

    Raises:
        InputError: If the dataset's manifest cannot be read.
    """
    path = Path(spec["manifest"])
    try:
        checksum = json.loads(path.read_text(encoding="utf-8"))["checksum"]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{path}: no manifest of a dataset ({error}); delete it and run") from None
    return {**spec, "hashes": {**spec["hashes"], "data": checksum}}


def write_plan(plan: Mapping[str, Any], path: Path) -> None:
    """Writes `plan.json` in one move."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(plan, indent=1, ensure_ascii=False), encoding="utf-8")
    temporary.replace(path)
