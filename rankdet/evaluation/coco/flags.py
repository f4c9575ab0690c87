"""`iscrowd` and `ignore` of annotations: one reading for checks, training and evaluation."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rankdet.errors import InputError
from rankdet.evaluation.coco.checks import shown

FLAGS = ("iscrowd", "ignore")
_READ = {None: False, 0: False, 1: True}


def flag(value: Any) -> bool | None:
    """Returns a flag: 0, 1, false, true, or absent (None: false).

    Returns:
        None for any other value, such as "0", 2, [0] or NaN. Python takes most of these for true,
        also "0" and [0], so nobody can know what the file means.
    """
    try:
        return _READ.get(value)
    except TypeError:  # a list or an object
        return None


def flags(annotations: Sequence[Mapping[str, Any]], key: str, path: Path) -> NDArray[np.bool_]:
    """Returns the flag `key` of each annotation (G,).

    Raises:
        InputError: if a value is neither 0 nor 1; the message names the annotation.
    """
    found = [flag(a.get(key)) for a in annotations]
    if None in found:
        first = annotations[found.index(None)]
        raise InputError(
            f"{path}: {found.count(None)} annotations have a {key!r} that is not 0 or 1 (first: "
            f"annotation {shown(first.get('id'))} has {shown(first.get(key))}); write 0 or 1"
        )
    return np.array(found, dtype=bool)
