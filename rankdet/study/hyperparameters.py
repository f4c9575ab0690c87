"""The hyperparameters that tables count: those of a loss, or of a two-stage detector with it."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from rankdet.errors import InputError
from rankdet.papers.hyperparameters import BOX_WEIGHT, counted_name, in_two_stages
from rankdet.papers.spec import HYPERPARAMETERS, Spec
from rankdet.study import cards
from rankdet.study.code import parts
from rankdet.study.runs import split_loss


def hyperparameters(specs: Iterable[Spec]) -> dict[str, list[str]]:
    """Returns the hyperparameters of the losses in tables that count them.

    Args:
        specs: Tables and figures; those that count nothing are left out.

    Returns:
        The names by `counted_name` of a row; rows without a card are left out.
    """
    counting = [spec for spec in specs if spec.computed_by == HYPERPARAMETERS]
    found = {}
    for inputs in (row.inputs for spec in counting for row in spec.rows):
        name, variant = split_loss(inputs.get("loss", ""))
        if name in cards.loss_names():
            with suppress(InputError):
                file = cards.load_loss(name)
                card = file.variant(variant)
                names = of_two_stages(file, card) if in_two_stages(inputs) else declared(card)
                found[counted_name(inputs)] = names
    return found


def declared(card: Mapping[str, Any]) -> list[str]:
    """Returns the hyperparameters that a card declares for one head."""
    return list(card.get("hyperparameters", []))


def of_two_stages(file: cards.LossFile, card: Mapping[str, Any]) -> list[str]:
    """Returns the hyperparameters of Faster R-CNN with a loss: sampling, losses, task weights.

    As Rank & Sort Loss counts (supplement, S3.3). A random sampler has two: how many positives and
    how many negatives. Of the weights of the four losses one is 1, and those of balanced box losses
    are not tuned.

    Args:
        file: The loss's file.
        card: Its card with variants merged in.
    """
    baseline = parts.is_baseline(file.path, card, file.tree)
    names = ["rpn weight"]
    for stage in ("rpn", "rcnn"):
        change = card.get(stage) or {}
        if change.get("sampler", "random" if baseline else "none") == "random":
            names += [f"{stage} positives", f"{stage} negatives"]
        stock = stage == "rpn" and baseline and not change.get("classification")
        names += [f"{stage} {name}" for name in ([BOX_WEIGHT] if stock else declared(card))]
    return names
