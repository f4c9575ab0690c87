"""The arguments of a class, read from its source: checked without importing torch."""

import ast
from collections.abc import Mapping
from typing import Any

from rankdet.study.code.source import Source
from rankdet.study.code.tree import Grain, Tree

NUMBERS = {"float": (int, float), "int": (int,)}


def arguments(grains: set[Grain], tree: Tree) -> dict[str, str] | None:
    """Returns the arguments of a class's `__init__`: name to annotation (empty if it has none).

    Args:
        grains: The statements that define the class.
        tree: The sources.

    Returns:
        None if every argument is accepted (`**kwargs`), or the class cannot be read.
    """
    for path, index in grains:
        node = tree.source(path).body[index]
        if isinstance(node, ast.ClassDef):
            return _of_class(node, tree.source(path), tree)
    return None


def _of_class(node: ast.ClassDef, source: Source, tree: Tree) -> dict[str, str] | None:
    if found := _constructor(node):
        if found.kwarg is not None:
            return None
        names = [*found.posonlyargs, *found.args, *found.kwonlyargs][1:]
        return {a.arg: ast.unparse(a.annotation) if a.annotation else "" for a in names}
    base = _base(node, source, tree)
    return {} if base is None else arguments(base, tree)


def required(grains: set[Grain], tree: Tree) -> list[str]:
    """Returns the arguments of a class's `__init__` that have no default.

    Args:
        grains: The statements that define the class.
        tree: The sources.
    """
    for path, index in grains:
        node = tree.source(path).body[index]
        if not isinstance(node, ast.ClassDef):
            continue
        found = _constructor(node)
        if found is None:
            return required(_base(node, tree.source(path), tree) or set(), tree)
        plain = [*found.posonlyargs, *found.args]
        by_name = zip(found.kwonlyargs, found.kw_defaults, strict=True)
        named = [argument for argument, default in by_name if default is None]
        return [a.arg for a in (*plain[1 : len(plain) - len(found.defaults)], *named)]
    return []


def _constructor(node: ast.ClassDef) -> ast.arguments | None:
    parts = (part for part in node.body if isinstance(part, ast.FunctionDef))
    return next((part.args for part in parts if part.name == "__init__"), None)


def _base(node: ast.ClassDef, source: Source, tree: Tree) -> set[Grain] | None:
    """The base class, empty if it cannot be read; None for a class of torch, as nn.Module."""
    for base in node.bases:
        name = base.id if isinstance(base, ast.Name) else ""
        if name in source.names:
            return {(source.path, index) for index in source.names[name]}
        if name in source.imports:
            module, original = source.imports[name]
            return tree.find(module, original or name)
    return None


def misfit(value: Any, annotation: str) -> str | None:
    """Returns the expected kind of value, or None if the value fits its argument's annotation.

    Only simple annotations are compared: `float`, `int`, `bool`, `str`, literals, and each of these
    with `| None`.
    """
    parts = [part.strip() for part in annotation.split(" | ")]
    if value is None:
        return None if "None" in parts or not annotation else _wanted(parts)
    kinds = [part for part in parts if part != "None"]
    if any(_fits(value, kind) is not False for kind in kinds) or not kinds:
        return None
    return _wanted(kinds)


def _fits(value: Any, kind: str) -> bool | None:
    """Whether a value fits; None if the annotation is not understood."""
    if kind in NUMBERS:
        return isinstance(value, NUMBERS[kind]) and not isinstance(value, bool)
    if kind in ("bool", "str"):
        return isinstance(value, bool if kind == "bool" else str)
    if kind.startswith("Literal["):
        return value in literals(kind)
    return None


def literals(annotation: str) -> list[Any]:
    """Returns the values of a `Literal[...]`; empty for other annotations."""
    if not annotation.startswith("Literal["):
        return []
    found = ast.literal_eval(f"({annotation.removeprefix('Literal[').removesuffix(']')},)")
    return list(found)


def _wanted(kinds: list[str]) -> str:
    words: Mapping[str, str] = {
        "float": "a number",
        "int": "a whole number",
        "bool": "True or False",
        "str": "a text",
    }
    return "give " + " or ".join(words.get(kind, kind) for kind in kinds if kind != "None")
