"""The code behind the names in a card or a detector's file: a type, a weighting, a family.

Training finds these classes by name at run time, so that no import leads to them. Here the names
are looked up in the same dicts, read from the source.
"""

import ast
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from rankdet.detectors.families import FAMILIES
from rankdet.study.code.tree import Grain, Tree
from rankdet.suggest import merged_by_type

BASELINES = "rankdet.detectors.baselines"
REGISTRIES = {  # dicts from a name in a card to a class or function
    "balance": ("rankdet.losses.balance", "BALANCES"),
    "box": ("rankdet.losses.box_errors", "BOX_ERRORS"),
    "weighting": ("rankdet.losses.box_weightings", "WEIGHTINGS"),
}
FAMILIES_OF = ("rankdet.detectors.families", "FAMILIES")
STOCK_BOXES = ("giou", "iou", "l1", "smooth_l1")  # box type `stock`: one of these, as mmdet's base
RPN_BASELINE = "SigmoidCrossEntropyLoss"  # trains the RPN if the classification is mmdet's


def by_name(tree: Tree, *, baselines: bool = True, losses: bool = True) -> Callable[[Grain], bool]:
    """Returns whether a statement only leads to code that is chosen by name.

    Args:
        tree: The sources.
        baselines: Whether mmdet's losses belong to such code.
        losses: False leaves out `rankdet.losses` as a whole: inference does not use it.
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
    path: Path, card: Mapping[str, Any], detector: Mapping[str, Any], tree: Tree
) -> set[Grain]:
    """Returns the classes that a card names and that train this detector.

    Args:
        path: The loss's file.
        card: The card with variants merged in.
        detector: The detector's file.
        tree: The sources.
    """
    found: set[Grain] = set()
    for part in _heads(path, card, detector, tree):
        found |= classification(path, part["classification"]["type"], tree)
        box = part.get("box") or {}
        kind = box.get("type", "giou")
        for name in STOCK_BOXES if kind == "stock" else (kind,):
            found |= registered("box", name, tree)
        found |= registered("weighting", box.get("weighting", "none"), tree)
        found |= registered("balance", (part.get("balance") or {}).get("type", "none"), tree)
    if detector.get("masks"):
        balance = (card.get("mask") or {}).get("balance") or {}
        found |= registered("balance", balance.get("type", "none"), tree)
    return found


def _heads(
    path: Path, card: Mapping[str, Any], detector: Mapping[str, Any], tree: Tree
) -> Iterator[Mapping[str, Any]]:
    """The parts of the card for each head, as `rankdet.detectors` makes them."""
    base = {key: card.get(key) or {} for key in ("classification", "box", "balance")}
    if detector["family"] == "solo":
        weighting = (card.get("mask") or {}).get("weighting", "none")
        yield {**base, "box": {"type": "dice", "weighting": weighting}}
    elif detector["family"] != "two-stage":
        yield base
    else:
        rpn, rcnn = (
            {k: v for k, v in (card.get(stage) or {}).items() if k in base}
            for stage in ("rpn", "rcnn")
        )
        if "classification" not in rpn and is_baseline(path, card, tree):
            stock = {"classification": {"type": RPN_BASELINE}, "box": {"type": "stock"}}
            rpn = merged_by_type({**stock, "balance": {"type": "none"}}, rpn)
        yield merged_by_type(base, rpn)
        yield merged_by_type(base, rcnn)


def is_baseline(path: Path, card: Mapping[str, Any], tree: Tree) -> bool:
    """Returns whether a card's classification part is one of mmdet's losses.

    Args:
        path: The loss's file.
        card: The card with variants merged in.
        tree: The sources.
    """
    name = card["classification"]["type"]
    return classification(path, name, tree) == tree.find(BASELINES, name)


def registered(kind: str, name: str, tree: Tree) -> set[Grain]:
    """Returns the class or function behind a name of a balance, a box type or a weighting."""
    return tree.registry(*REGISTRIES[kind]).get(name, set())


def registered_names(kind: str, tree: Tree) -> list[str]:
    """Returns the names that a card may give for a balance, a box type or a weighting."""
    return list(tree.registry(*REGISTRIES[kind]))


def classification(path: Path, name: Any, tree: Tree) -> set[Grain]:
    """Returns the class of a classification part; empty if it is not defined anywhere.

    Args:
        path: The loss's file, where the class is looked for first; then in `rankdet.losses`, and
            then among mmdet's baselines.
        name: The class.
        tree: The sources.
    """
    if not isinstance(name, str):  # a broken card, in which the check of types names the place
        return set()
    source = tree.source(path)
    if name in source.names:
        return {(path, index) for index in source.names[name]}
    if name in source.imports:
        return tree.imported(source.imports[name])
    return tree.find("rankdet.losses", name) or tree.find(BASELINES, name)


def known_classes(path: Path, tree: Tree) -> list[str]:
    """Returns the classes that a card can have as its classification part, the user's own first."""
    own = tree.source(path)
    mine = {node.name for node in own.body if isinstance(node, ast.ClassDef)}
    for name, (module, original) in own.imports.items():
        file = tree.module(module) if original else None
        mine |= {name} if file and not tree.is_ours(file) and name[:1].isupper() else set()
    names: set[str] = set()
    for module in ("rankdet.losses", BASELINES):
        file = tree.module(module)
        if file is None:
            continue
        source = tree.source(file)
        found = {name for name, place in source.imports.items() if place[1]}
        found |= {node.name for node in source.body if isinstance(node, ast.ClassDef)}
        names |= {name for name in found if name.endswith("Loss") and name != "BoxLoss"}
    return [*sorted(mine), *sorted(names - mine)]
