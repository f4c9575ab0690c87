"""The spec that a training job works from, completed by its data."""

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
