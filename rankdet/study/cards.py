"""Loss cards: what a loss is, read from its file without running it.

A loss is one Python file in `workflows/losses`. Planning reads its literal `CARD` from the syntax
tree, so that it needs neither torch nor a file without faults further down.
"""

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from rankdet.errors import InputError
from rankdet.files import shown
from rankdet.repository import LOSSES
from rankdet.strict import Strict, read
from rankdet.suggest import choice, merged

DISPLAY = ("title", "paper", "citation", "url", "hyperparameters")  # no effect on any number


class Rates(Strict):
    """Learning rates of one loss, for each preset of the detectors."""

    small: float | None = Field(None, gt=0)
    full: float | None = Field(None, gt=0)


class CardTraining(Strict):
    """How a loss wants to be trained."""

    lr: Rates = Rates()
    lr_by_detector: dict[str, Rates] = Field({})


class CardTest(Strict):
    """How a loss wants its scores to become detections."""

    score_threshold: float | None = Field(None, ge=0, le=1)
    nms_iou: float | None = Field(None, ge=0, le=1)
    max_per_image: int | None = Field(None, ge=1)
    nms_pre: int | None = Field(None, ge=1)


class StagePart(Strict):
    """What a loss is in one head of a two-stage detector; what is left out is the card's own."""

    classification: dict[str, Any] = Field({})
    box: dict[str, Any] = Field({})
    balance: dict[str, Any] = Field({})
    weight: float | None = Field(None, gt=0)
    sampler: Literal["none", "random"] | None = None
    prior: float | None = Field(None, gt=0, lt=1)


class BoxHeadPart(StagePart):
    """The same for the box heads, whose scores become detections."""

    test: CardTest = CardTest()


class MaskPart(Strict):
    """How the mask head is trained beside a loss."""

    type: Literal["stock", "cross_entropy", "dice"] | None = None
    weight: float | None = Field(None, gt=0)
    balance: dict[str, Any] = Field({})


class CardChange(Strict):
    """What a variant changes in its card."""

    title: str
    classification: dict[str, Any] = Field({})
    box: dict[str, Any] = Field({})
    balance: dict[str, Any] = Field({})
    head: dict[str, Any] = Field({})
    rpn: StagePart = StagePart()
    rcnn: BoxHeadPart = BoxHeadPart()
    mask: MaskPart = MaskPart()
    training: CardTraining = CardTraining()
    test: CardTest = CardTest()
    collapse_above: float | None = None
    hyperparameters: list[str] = Field([])
    not_with: dict[str, str] = Field({})  # detector or family to the reason; see pairs.py


class Card(CardChange):
    """A loss: its parts, its learning rates, where it comes from, and its variants."""

    name: str
    paper: str | None = None
    citation: str | None = None
    url: str | None = None
    variants: dict[str, CardChange] = Field({})


@dataclass(frozen=True)
class LossFile:
    """A loss's file: its checked card as written, and where it stands."""

    path: Path
    card: Mapping[str, Any]

    def variant(self, variant: str) -> dict[str, Any]:
        """Returns the card with variants merged in, in the order written.

        Args:
            variant: Names joined by `+`; empty for the loss as it is.

        Raises:
            InputError: If the loss has no such variant, or one is named twice.
        """
        names = variant.split("+") if variant else []
        known = self.card.get("variants", {})
        changes = []
        for name in names:
            if name not in known:
                what = choice(name, known) if known else "this loss has none"
                raise InputError(f"loss {self.path.stem!r} has no variant {name!r}; {what}")
            changes.append({k: v for k, v in known[name].items() if k != "title"})
        if len(set(names)) < len(names):
            raise InputError(f"loss {self.path.stem!r}: a variant is named twice in {variant!r}")
        base = {key: value for key, value in self.card.items() if key != "variants"}
        return merged(base, *changes)

    def title(self, variant: str) -> str:
        """Returns the title of the loss with its variants' titles behind."""
        names = variant.split("+") if variant else []
        return ", ".join([self.card["title"], *(self.card["variants"][n]["title"] for n in names)])


def loss_names(folder: Path = LOSSES) -> list[str]:
    """Returns every loss that has a file; a leading underscore keeps a file out."""
    return sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_"))


def load_loss(name: str, folder: Path = LOSSES) -> LossFile:
    """Reads a loss's card.

    Raises:
        InputError: If the loss is unknown (with the known ones), or its file or card has a fault
            (with file and line).
    """
    path = folder / f"{name}.py"
    if name not in loss_names(folder):
        raise InputError(f"unknown loss {name!r}; {choice(name, loss_names(folder))}")
    return _load(path, path.stat().st_mtime_ns)


@lru_cache
def _load(path: Path, _mtime: int) -> LossFile:
    node = find_card(path)
    try:
        card = ast.literal_eval(node)
    except ValueError:
        line = _first_not_literal(node)
        raise InputError(
            f"{shown(path)}:{line}: CARD must be literal (text, numbers, lists, dicts): planning "
            "reads it without running the file"
        ) from None
    checked = read(Card, card, f"{shown(path)}:{node.lineno}: CARD")
    if checked.name != path.stem:
        raise InputError(
            f"{shown(path)}:{node.lineno}: CARD name is {checked.name!r}, but the file is "
            f"{path.name}; make them equal"
        )
    if not isinstance(checked.classification.get("type"), str):
        raise InputError(f"{shown(path)}:{node.lineno}: CARD classification.type: missing")
    return LossFile(path, card)


def parse(path: Path) -> ast.Module:
    """Returns a file's syntax tree.

    Raises:
        InputError: With file and line, if it cannot be parsed.
    """
    try:
        return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    except SyntaxError as error:
        raise InputError(f"{shown(path)}:{error.lineno}: syntax error: {error.msg}") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{shown(path)}: cannot be read: {error}") from None


def find_card(path: Path) -> ast.expr:
    """Returns the expression assigned to `CARD` in a loss file.

    Raises:
        InputError: If the file assigns no CARD.
    """
    for node in parse(path).body:
        if is_card(node):
            return node.value
    raise InputError(f"{shown(path)}: no CARD; copy one from {shown(LOSSES / '_template.py')}")


def is_card(node: ast.stmt) -> bool:
    """Returns whether a statement is `CARD = ...`."""
    if not isinstance(node, ast.Assign):
        return False
    return any(isinstance(target, ast.Name) and target.id == "CARD" for target in node.targets)


def _first_not_literal(node: ast.expr) -> int:
    """Returns the line of the first part of an expression that is no literal."""
    literal = (ast.Constant, ast.Dict, ast.List, ast.Tuple, ast.Set, ast.UnaryOp, ast.USub)
    for part in ast.walk(node):
        if isinstance(part, ast.expr) and not isinstance(part, literal):
            return part.lineno
    return node.lineno
