"""The code behind the names in a card or a detector's file: a type, a weighting, a family.

Training finds these classes by name at run time, so that no import leads to them. Here the names
are looked up in the same dicts, read from the source.
"""

import ast
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rankdet.detectors.families import FAMILIES
from rankdet.errors import InputError
from rankdet.files import shown
from rankdet.study import cards
from rankdet.study.fingerprint.source import Grain, Tree
from rankdet.suggest import choice, merged

BASELINES = "rankdet.detectors.baselines"
REGISTRIES = {  # dicts from a name in a card to a class or function
    "balance": ("rankdet.losses.balance", "BALANCES"),
    "box": ("rankdet.losses.box_errors", "BOX_ERRORS"),
    "weighting": ("rankdet.losses.box_weightings", "WEIGHTINGS"),
}
FAMILIES_OF = ("rankdet.detectors.families", "FAMILIES")
STOCK_BOXES = ("giou", "iou", "l1", "smooth_l1")  # box type `stock`: one of these, as mmdet's base
RPN_BASELINE = "SigmoidCrossEntropyLoss"  # trains the RPN where the classification is mmdet's


def by_name(tree: Tree, *, baselines: bool = True, losses: bool = True) -> Callable[[Grain], bool]:
    """Returns whether a statement only leads to code that is chosen by name.

    Args:
        tree: The sources.
        baselines: Whether mmdet's losses count as such code.
        losses: False leaves out `rankdet.losses` as a whole: it has no part in detecting.
    """
    places = [*REGISTRIES.values(), FAMILIES_OF]
    dicts = {grain for place in places for grain in tree.find(*place)}
    folder, baseline_file = tree.root / "rankdet" / "losses", tree.module(BASELINES)

    def closed(grain: Grain) -> bool:
        if grain in dicts or (baselines and grain[0] == baseline_file):
            return True
        return not losses and folder in grain[0].parents

    return closed


def adapters(family: str, head: str, tree: Tree) -> set[Grain]:
    """Returns where the adapters of a detector start: its family's `configure`, and its head.

    Args:
        family: A key of `FAMILIES`.
        head: The class that the detector's file names as `head`; empty if it names none.
        tree: The sources.
    """
    module = FAMILIES[family]
    found = tree.find(module, "configure") | (tree.find(module, head) if head else set())
    path = tree.module(module)
    return found or (tree.whole(path) if path else set())


def loss_parts(
    file: cards.LossFile, card: Mapping[str, Any], detector: Mapping[str, Any], tree: Tree
) -> set[Grain]:
    """Returns the classes that a card names and that train this detector.

    Raises:
        InputError: If a classification type is not defined anywhere.
    """
    found: set[Grain] = set()
    for part in _heads(file, card, detector, tree):
        found |= classification_grains(file, part["classification"]["type"], tree)
        box = part.get("box") or {}
        kind = box.get("type", "giou")
        for name in STOCK_BOXES if kind == "stock" else (kind,):
            found |= _registered("box", name, tree)
        found |= _registered("weighting", box.get("weighting", "none"), tree)
        found |= _registered("balance", (part.get("balance") or {}).get("type", "none"), tree)
    if detector.get("masks"):
        balance = (card.get("mask") or {}).get("balance") or {}
        found |= _registered("balance", balance.get("type", "none"), tree)
    return found


def _heads(
    file: cards.LossFile, card: Mapping[str, Any], detector: Mapping[str, Any], tree: Tree
) -> Iterator[Mapping[str, Any]]:
    """The parts of the card for each head, as `rankdet.detectors` makes them."""
    base = {key: card.get(key) or {} for key in ("classification", "box", "balance")}
    if detector["family"] == "solo":
        yield {**base, "box": {"type": "dice"}}
    elif detector["family"] != "two-stage":
        yield base
    else:
        rpn, rcnn = (
            {k: v for k, v in (card.get(stage) or {}).items() if k in base}
            for stage in ("rpn", "rcnn")
        )
        if "classification" not in rpn and _is_baseline(file, card, tree):
            stock = {"classification": {"type": RPN_BASELINE}, "box": {"type": "stock"}}
            rpn = merged({**stock, "balance": {"type": "none"}}, rpn)
        yield merged(base, rpn)
        yield merged(base, rcnn)


def _is_baseline(file: cards.LossFile, card: Mapping[str, Any], tree: Tree) -> bool:
    name = card["classification"]["type"]
    return classification_grains(file, name, tree) == tree.find(BASELINES, name)


def _registered(kind: str, name: str, tree: Tree) -> set[Grain]:
    return tree.registry(*REGISTRIES[kind]).get(name, set())


def registered_names(kind: str, tree: Tree) -> list[str]:
    """Returns the names that a card may give for a balance, a box type or a weighting."""
    return list(tree.registry(*REGISTRIES[kind]))


def classification_grains(file: cards.LossFile, name: str, tree: Tree) -> set[Grain]:
    """Returns the class of a classification part: in the loss file, ours, or mmdet's.

    Raises:
        InputError: If it is in none of them.
    """
    source = tree.source(file.path)
    if name in source.names:
        return {(file.path, index) for index in source.names[name]}
    if name in source.imports:
        return tree.find(*source.imports[name])
    for module in ("rankdet.losses", BASELINES):
        found = tree.find(module, name)
        if found:
            return found
    line = cards.find_card(file.path).lineno
    raise InputError(
        f"{shown(file.path)}:{line}: CARD classification.type: found {name!r}; no class of this "
        f"name here, in rankdet.losses or in {BASELINES}; {choice(name, known_classes(tree))}"
    )


def known_classes(tree: Tree) -> list[str]:
    """Returns the classes that can be a classification part, apart from those of a loss file."""
    names: set[str] = set()
    for module in ("rankdet.losses", BASELINES):
        path = tree.module(module)
        if path is None:
            continue
        source = tree.source(path)
        names |= {name for name, place in source.imports.items() if place[1]}
        names |= {node.name for node in source.body if isinstance(node, ast.ClassDef)}
    return sorted(name for name in names if name.endswith("Loss") and name != "BoxLoss")
