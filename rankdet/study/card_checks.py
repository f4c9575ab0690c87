"""Checks the names in a loss card: types, arguments, detectors and families."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rankdet.detectors.families import FAMILIES
from rankdet.results.schemas.tuning import TuningRecord
from rankdet.study import detectors
from rankdet.study.code import parts
from rankdet.study.code.signatures import arguments, literals, misfit, required
from rankdet.study.code.tree import Tree
from rankdet.suggest import choice, close, nearest

Place = tuple[str | int, ...]  # keys that lead to a value of the card
Finding = tuple[Place, str]
STAGES = ("rpn", "rcnn")
DEFAULT_TYPES = {"box": "giou", "balance": "none"}


def findings(path: Path, card: Mapping[str, Any], tree: Tree) -> Iterator[Finding]:
    """Yields the errors in a card and in each of its variants: where, and what to do.

    Args:
        path: The loss's file.
        card: The card as written; its keys are checked already.
        tree: The sources.
    """
    yield from _of_change(path, card, card, (), tree)
    yield from _of_required(path, card["classification"], tree)
    for name, variant in card.get("variants", {}).items():
        yield from _of_change(path, variant, card, ("variants", name), tree)


def _of_change(
    path: Path, change: Mapping[str, Any], card: Mapping[str, Any], place: Place, tree: Tree
) -> Iterator[Finding]:
    for key in ("classification", "box", "balance"):
        kind = _type(key, change, card)
        yield from _of_part(path, key, kind, change.get(key, {}), (*place, key), tree)
        for stage in STAGES:
            own, base = change.get(stage, {}), card.get(stage, {})
            stage_kind = _type(key, own, base, default=kind)
            where = (*place, stage, key)
            yield from _of_part(path, key, stage_kind, own.get(key, {}), where, tree)
    mask = change.get("mask", {})
    kind = _type("balance", mask, card.get("mask", {}))
    where = (*place, "mask", "balance")
    yield from _of_part(path, "balance", kind, mask.get("balance", {}), where, tree)
    yield from _of_hyperparameters(path, change, card, place, tree)
    yield from _of_detectors(change, place)
    yield from _of_tuning(change.get("training", {}).get("tuned"), place, tree)


def _of_required(path: Path, part: Mapping[str, Any], tree: Tree) -> Iterator[Finding]:
    """An argument without a default must be in the card."""
    code = parts.classification(path, part["type"], tree)
    for name in required(code, tree):
        if name not in part:
            yield ("classification",), f"{name!r} is missing: {part['type']} has no default for it"


def _of_hyperparameters(
    path: Path, change: Mapping[str, Any], card: Mapping[str, Any], place: Place, tree: Tree
) -> Iterator[Finding]:
    """Finds slips of the arguments of the classification part and of the box part (`box ...`).

    Other names are fine: a card also counts what its paper tunes elsewhere.
    """
    kind = _type("classification", change, card)
    own = arguments(parts.classification(path, kind, tree), tree) or {}
    of_box = arguments(tree.find("rankdet.losses", "BoxLoss"), tree) or {}
    known = [name.replace("_", " ") for name in (*own, *(f"box {name}" for name in of_box))]
    for index, name in enumerate(change.get("hyperparameters", [])):
        slip = None if name.replace("_", " ") in known else close(name, known)
        if slip:
            yield (*place, "hyperparameters", index), f"found {name!r}; did you mean {slip!r}?"


def _of_tuning(tuned: str | None, place: Place, tree: Tree) -> Iterator[Finding]:
    if tuned is None:
        return
    place = (*place, "training", "tuned")
    advice = "name a record of `rankdet tune` in the repository, such as data/tuned/smoke.json"
    # A lab's card cites a record of the lab; `own` ends with the current folder.
    roots = [*tree.own[-1:], tree.product]
    inside = [r for r in roots if (r / tuned).resolve().is_relative_to(r.resolve())]
    if not inside:
        yield place, f"found {tuned!r}, which is not in the repository; {advice}"
        return
    there = [root for root in inside if (root / tuned).exists()]
    problem = TuningRecord.read((there or inside)[0] / tuned)[1]
    if problem:
        yield place, f"found {tuned!r}; {problem}; {advice}"


def _type(
    key: str, change: Mapping[str, Any], card: Mapping[str, Any], default: str | None = None
) -> str:
    for part in (change.get(key, {}), card.get(key, {})):
        if "type" in part:
            return part["type"]
    return DEFAULT_TYPES.get(key, "") if default is None else default


def _of_part(
    path: Path, key: str, kind: Any, part: Mapping[str, Any], place: Place, tree: Tree
) -> Iterator[Finding]:
    """Checks a part's type, and its arguments against those of the class."""
    if not part:
        return
    if key == "classification":
        code = parts.classification(path, kind, tree) if isinstance(kind, str) else set()
        known = parts.known_classes(path, tree)
    else:
        known = parts.registered_names(key, tree)
        code = parts.registered(key, kind, tree) if kind in known else set()
        stock = key == "box" and len(place) > 1 and place[-2] in STAGES
        known += ["stock"] if stock else []
    if not code and kind not in known:
        yield (*place, "type"), f"found {kind!r}; {choice(str(kind), known)}"
        return
    if key == "box":
        code = tree.find("rankdet.losses", "BoxLoss")
        weighting, weightings = part.get("weighting"), parts.registered_names("weighting", tree)
        if "weighting" in part and weighting not in weightings:
            hint = choice(str(weighting), weightings)
            yield (*place, "weighting"), f"found {weighting!r}; {hint}"
    known_arguments = arguments(code, tree)
    if known_arguments is None:
        return
    for name, value in part.items():
        if name == "type":
            continue
        if name not in known_arguments:
            yield (*place, name), f"unknown key; {nearest(name, ['type', *known_arguments])}"
        elif advice := misfit(value, known_arguments[name]):
            values = literals(known_arguments[name])
            yield (
                (*place, name),
                f"found {value!r}; {nearest(str(value), values) if values else advice}",
            )


def _of_detectors(change: Mapping[str, Any], place: Place) -> Iterator[Finding]:
    names = detectors.detector_names()
    for name in change.get("training", {}).get("lr_by_detector", {}):
        if name not in names:
            yield (*place, "training", "lr_by_detector", name), f"unknown; {choice(name, names)}"
    known = [*names, *FAMILIES]
    for name in change.get("not_with", {}):
        if name not in known:
            yield (*place, "not_with", name), f"unknown; {choice(name, known)}"
