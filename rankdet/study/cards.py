"""Loss cards: the description of a loss, read from its file without running it.

A loss is one Python file in `workflows/losses`, or in a place of the user. Planning reads its
literal `CARD` from the syntax tree. So planning needs no torch.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from rankdet.errors import InputError
from rankdet.files import shown
from rankdet.parsing import check_plain
from rankdet.repository import CODE, LOSSES, named_files, own_folders
from rankdet.strict import key_path, problems
from rankdet.study import card_checks
from rankdet.study.code.imports import import_problems
from rankdet.study.code.syntax import parse
from rankdet.study.code.tree import Tree, our_tree
from rankdet.study.config.card import Card
from rankdet.study.named import only_file
from rankdet.suggest import choice, merged_by_type


@dataclass(frozen=True)
class LossFile:
    """The file of a loss, checked.

    Attributes:
        path: The file.
        card: The card as written.
        root: The folder that has our package, whose classes the card names.
    """

    path: Path
    card: Mapping[str, Any]
    root: Path = field(default=CODE, repr=False)

    @property
    def tree(self) -> Tree:
        """The sources that the file may use: ours, and the user's beside it."""
        return tree_of(self.path, self.root)

    def variant(self, variant: str) -> dict[str, Any]:
        """Returns the card with variants merged in, in the order written.

        Args:
            variant: Names joined by `+`; empty for the loss without variants.

        Raises:
            InputError: If the loss has no such variant, one is named twice, or variants do not fit
                together.
        """
        names = variant.split("+") if variant else []
        known = self.card.get("variants", {})
        changes = []
        for name in names:
            if name not in known:
                what = choice(name, known) if known else "this loss has no variants"
                raise InputError(f"loss {self.path.stem!r} has no variant {name!r}; {what}")
            changes.append({k: v for k, v in known[name].items() if k != "title"})
        if len(set(names)) < len(names):
            raise InputError(f"loss {self.path.stem!r}: a variant is named twice in {variant!r}")
        base = {key: value for key, value in self.card.items() if key != "variants"}
        card = merged_by_type(base, *changes)
        if len(names) > 1:
            self._check_together(card, variant)
        return card

    def _check_together(self, card: Mapping[str, Any], variant: str) -> None:
        """Checks a merged card: variants that are valid alone may not fit together."""
        for place, message in card_checks.findings(self.path, card, self.tree):
            raise InputError(
                f"loss '{self.path.stem}+{variant}': its variants together give "
                f"{_message(place, message)}"
            )

    def title(self, variant: str) -> str:
        """Returns the title of the loss, followed by its variants' titles."""
        names = variant.split("+") if variant else []
        return ", ".join([self.card["title"], *(self.card["variants"][n]["title"] for n in names)])


def loss_names() -> list[str]:
    """Returns every loss that has a file; a file with a leading underscore is not a loss."""
    return list(named_files("losses"))


def load_loss(name: str, folder: Path | None = None, root: Path = CODE) -> LossFile:
    """Reads and checks a loss's card.

    Args:
        name: The loss, without variants.
        folder: The folder of the loss files; None for the product's and the user's places.
        root: The folder that has our package, whose classes the card names.

    Raises:
        InputError: If the loss is unknown (with the known ones), or its file or card has an error
            (with file, line and key).
    """
    known = named_files("losses") if folder is None else {p.stem: [p] for p in folder.glob("*.py")}
    path = only_file("loss", name, known)
    return _load(path, path.stat().st_mtime_ns, root)


def tree_of(path: Path, root: Path = CODE) -> Tree:
    """Returns the sources that a loss file may use.

    Args:
        path: The file.
        root: The folder that has our package.
    """
    return our_tree(root, own_folders(path))


@lru_cache
def _load(path: Path, _mtime: int, root: Path) -> LossFile:
    node = find_card(path)
    card = None
    _check_keys(path, node)
    try:
        card = ast.literal_eval(node)
        check_plain(card)
    except (ValueError, TypeError, RecursionError) as error:
        if card is not None:
            raise InputError(f"{shown(path)}:{node.lineno}: CARD {error}") from None
        line = _first_not_literal(node)
        raise InputError(
            f"{shown(path)}:{line}: CARD must be literal (text, numbers, lists, dicts): planning "
            "reads it without running the file"
        ) from None
    tree = tree_of(path, root)
    tree.forget(path)
    found = list(import_problems(path, tree)) or [
        f"{shown(path)}:{_line(node, place)}: CARD {_message(place, message)}"
        for place, message in _findings(path, card, tree)
    ]
    if found:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise InputError(f"{found[0]}{more}")
    return LossFile(path, card, root)


def _findings(path: Path, card: Any, tree: Any) -> Iterator[tuple[tuple[int | str, ...], str]]:
    """What is wrong in a card: first its keys and values, and only then the classes it names."""
    wrong = problems(Card, card)
    if wrong:
        yield from wrong
    elif card["name"] != path.stem:
        yield ("name",), f"found {card['name']!r}, but the file is {path.name}; make them equal"
    elif "type" not in card.get("classification", {}):
        yield ("classification", "type"), "missing; name the class of the loss"
    else:
        yield from card_checks.findings(path, card, tree)


def _check_keys(path: Path, card: ast.expr) -> None:
    """Refuses a key that is given twice: Python would silently take the last one."""
    for node in (part for part in ast.walk(card) if isinstance(part, ast.Dict)):
        lines: dict[Any, int] = {}
        for key in (key for key in node.keys if isinstance(key, ast.Constant)):
            if key.value in lines:
                raise InputError(
                    f"{shown(path)}:{key.lineno}: CARD key {key.value!r} is given twice, first in "
                    f"line {lines[key.value]}; remove one"
                )
            lines[key.value] = key.lineno


def _message(place: tuple[int | str, ...], message: str) -> str:
    return f"{key_path(place)}: {message}" if place else message


def _line(node: ast.expr, place: tuple[int | str, ...]) -> int:
    """The line of a key of the card; of the nearest key above it, if it is missing."""
    line = node.lineno
    for part in place:
        if isinstance(node, ast.Dict):
            keys = [key.value if isinstance(key, ast.Constant) else None for key in node.keys]
            if part not in keys:
                break
            key, node = node.keys[keys.index(part)], node.values[keys.index(part)]
            line = key.lineno if key else line
        elif isinstance(node, ast.List | ast.Tuple) and isinstance(part, int):
            node = node.elts[part]
            line = node.lineno
        else:
            break
    return line


def find_card(path: Path) -> ast.expr:
    """Returns the expression assigned to `CARD` in a loss file.

    Raises:
        InputError: If the file assigns no CARD.
    """
    for node in parse(path).body:
        if isinstance(node, ast.Assign) and is_card(node):
            return node.value
    raise InputError(f"{shown(path)}: no CARD; copy one from {shown(LOSSES / '_template.py')}")


def is_card(node: ast.stmt) -> bool:
    """Returns whether a statement is `CARD = ...`."""
    if not isinstance(node, ast.Assign):
        return False
    return any(isinstance(target, ast.Name) and target.id == "CARD" for target in node.targets)


def _first_not_literal(node: ast.expr) -> int:
    """Returns the line of the first part of an expression that is not a literal."""
    literal = (ast.Constant, ast.Dict, ast.List, ast.Tuple, ast.Set, ast.UnaryOp, ast.USub)
    for part in ast.walk(node):
        if isinstance(part, ast.expr) and not isinstance(part, literal):
            return part.lineno
    return node.lineno
