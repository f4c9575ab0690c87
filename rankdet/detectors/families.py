"""The detector families: each names the module that puts a criterion into its models."""

import importlib
from types import ModuleType

from rankdet.errors import InputError

# The function `configure(model, detector, criterion)` of a module puts the criterion into an mmdet
# config. Importing the module registers its heads. Planning reads only the names.
FAMILIES = {
    "dense-anchor": "rankdet.detectors.dense_anchor",
    "dense-point": "rankdet.detectors.dense_point",
    "paa": "rankdet.detectors.paa",
    "gfl": "rankdet.detectors.gfl",
    "two-stage": "rankdet.detectors.two_stage",
    "solo": "rankdet.detectors.solo",
    "yolact": "rankdet.detectors.yolact",
}


def family(name: str) -> ModuleType:
    """Imports the adapters of a family.

    Raises:
        InputError: If there is no such family.
    """
    if name not in FAMILIES:
        raise InputError(f"unknown detector family {name!r}; known are {', '.join(FAMILIES)}")
    return importlib.import_module(FAMILIES[name])
