"""Builds a criterion from a loss card: classification part, box part and balance."""

import importlib
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

import rankdet.losses as losses
from rankdet.detectors.loss_faults import check_signature, class_place, located_in
from rankdet.errors import InputError
from rankdet.files import import_file, shown
from rankdet.repository import own_folders


def import_own_file(path: Path) -> ModuleType:
    """Imports a user's Python file, which may import modules beside it and in the current folder.

    Raises:
        InputError: As `import_file`.
    """
    for folder in reversed([str(folder) for folder in own_folders(path)]):
        if folder in sys.path:
            sys.path.remove(folder)
        sys.path.insert(0, folder)  # it stays: functions of the file may import later
    return import_file(path)


def classification_class(name: str, loss_file: str | Path | None) -> type[nn.Module]:
    """Returns a class from the loss file, `rankdet.losses` or the baselines, in this order.

    Raises:
        InputError: If none of them has a torch module of this name, or the file has a fault.
    """
    places: list[Any] = [import_own_file(Path(loss_file))] if loss_file else []
    places += [losses, importlib.import_module("rankdet.detectors.baselines")]
    for place in places:
        found = getattr(place, name, None)
        if isinstance(found, type) and issubclass(found, nn.Module):
            return found
    raise InputError(
        f"{shown(loss_file or '')}: classification type {name!r} is not a torch module of this "
        "file, rankdet.losses or rankdet.detectors.baselines; define it, or correct the name"
    )


def build_criterion(
    card: Mapping[str, Any], loss_file: str | Path | None = None, weight: float = 1.0
) -> losses.Criterion:
    """Builds the criterion that a loss card describes.

    Args:
        card: `classification`, `box` and `balance` of a (merged) loss card.
        loss_file: The Python file of the loss, which may define the classification type.
        weight: Multiplies every loss of the criterion.

    Returns:
        The criterion, a submodule for a detector's head.

    Raises:
        InputError: If a type or one of its arguments is unknown.
    """
    options = dict(card["classification"])
    name = options.pop("type")
    part_class = classification_class(name, loss_file)
    try:
        with located_in(loss_file):
            part = part_class(**options)
    except InputError:
        raise
    except (TypeError, ValueError) as error:
        own = f"{class_place(part_class)}: " if loss_file else ""
        raise InputError(f"{own}loss {card.get('name', name)!r}: {error}") from error
    try:
        box = losses.build_box(dict(card.get("box", {"type": "giou"})))
        balance = losses.build_balance(dict(card.get("balance", {"type": "none"})))
    except (TypeError, ValueError) as error:
        raise InputError(f"loss {card.get('name', name)!r}: {error}") from error
    check_signature(part)
    return losses.Criterion(part, box, balance, weight)
