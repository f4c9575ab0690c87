"""From a loss card to a criterion: finds the classification part and joins box part and balance."""

import importlib
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

import rankdet.losses as losses
from rankdet.errors import InputError


def load_loss_file(path: str | Path) -> ModuleType:
    """Imports a loss file by its path; it need not be on the import path."""
    path = Path(path)
    spec = importlib.util.spec_from_file_location(f"rankdet_loss_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise InputError(f"{path}: cannot be read as a Python file; name it <loss>.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def classification_class(name: str, loss_file: str | Path | None) -> type[nn.Module]:
    """Looks a class up in the loss's own file, then `rankdet.losses`, then mmdet's baselines."""
    places: list[Any] = [load_loss_file(loss_file)] if loss_file else []
    places += [losses, importlib.import_module("rankdet.detectors.baselines")]
    for place in places:
        found = getattr(place, name, None)
        if isinstance(found, type) and issubclass(found, nn.Module):
            return found
    raise InputError(
        f"{loss_file}: classification type {name!r} is no torch module in this file, in "
        "rankdet.losses or in rankdet.detectors.baselines; define it there or mend its name"
    )


def build_criterion(
    card: Mapping[str, Any], loss_file: str | Path | None = None, weight: float = 1.0
) -> losses.Criterion:
    """Builds the criterion that a loss card describes.

    Args:
        card: `classification`, `box` and `balance` of a (merged) loss card.
        loss_file: The loss's Python file, searched first for the classification type.
        weight: Multiplies every loss of the criterion.

    Returns:
        The criterion, ready to be a submodule of a detector's head.

    Raises:
        InputError: If a type or one of its arguments is unknown.
    """
    options = dict(card["classification"])
    name = options.pop("type")
    part_class = classification_class(name, loss_file)
    try:
        part = part_class(**options)
        box = losses.build_box(dict(card.get("box", {"type": "giou"})))
        balance = losses.build_balance(dict(card.get("balance", {"type": "none"})))
    except (TypeError, ValueError) as error:
        raise InputError(f"loss {card.get('name', name)!r}: {error}") from error
    return losses.Criterion(part, box, balance, weight)
