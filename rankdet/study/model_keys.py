"""Keys of mmdet's models in detector and backbone files, checked against the sources of mmdet.

Planning does not import mmdet. The classes and base configs are read from its syntax trees, so that
`dept: 18` is an error before any job starts, and not a TypeError of mmdet after the data job.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rankdet.repository import CODE
from rankdet.suggest import nearest

ALWAYS = frozenset({"type", "init_cfg", "_delete_"})
ROOTS = frozenset({"BaseModule", "Module", "object", "BaseDetector", "ABC"})  # take only init_cfg
CLASS = re.compile(r"^class (\w+)\b", re.MULTILINE)
CHECKED = ("backbone", "neck", "rpn_head", "bbox_head", "mask_head", "roi_head")


def unknown_keys(base: str, changes: Mapping[str, Any], head: str = "") -> Iterator[str]:
    """Yields the keys that mmdet's classes do not take, as `backbone.dept: ...; did you mean ...`.

    Args:
        base: The config of mmdet that is changed, below its `configs/`.
        changes: What a preset changes in the model of that config.
        head: Our class of the head, which may take further keys.
    """
    package = _mmdet()
    if package is None:
        return
    model = _base_model(package / ".mim" / "configs" / base)
    known = _arguments(str(model.get("type"))) or set()
    for part in changes:
        if known and part not in known | set(model) | ALWAYS:
            hint = nearest(str(part), sorted(known | set(model)))
            yield f"{part}: {model['type']} of mmdet has no such part; {hint}"
    for part in CHECKED:
        if isinstance(changes.get(part), Mapping):
            yield from _unknown(changes[part], model.get(part), part, head)


def _unknown(change: Mapping[str, Any], base: Any, place: str, head: str) -> Iterator[str]:
    if isinstance(base, list):  # a change applies to each head of a cascade
        base = base[0] if base else None
    base = base if isinstance(base, Mapping) else {}
    kind = change.get("type", base.get("type"))
    known = _arguments(kind) if isinstance(kind, str) else None
    if known is not None:
        further = _listed(head) if head and place == "bbox_head" else set()
        same = change.get("type", kind) == base.get("type")
        allowed = known | ALWAYS | further | (set(base) if same else set())
        for key in change:
            if key not in allowed:
                hint = nearest(str(key), sorted(allowed - {"self", "_delete_"}))
                yield f"{place}.{key}: {kind} of mmdet has no such argument; {hint}"
    for key, value in change.items():
        if isinstance(value, Mapping):
            yield from _unknown(value, base.get(key), f"{place}.{key}", head)


@lru_cache
def _mmdet() -> Path | None:
    found = find_spec("mmdet")
    return Path(found.origin).parent if found and found.origin else None


@lru_cache
def _files() -> dict[str, Path]:
    """Each class of mmdet's models, and of our adapters, to its file."""
    package = _mmdet()
    folders = [*([package / "models"] if package else []), CODE / "rankdet" / "detectors"]
    found: dict[str, Path] = {}
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            for name in CLASS.findall(path.read_text(encoding="utf-8")):
                found.setdefault(name, path)
    return found


@lru_cache
def _arguments(name: str) -> set[str] | None:
    """The arguments that a class takes, also by `**kwargs` of its bases; None if not known."""
    if name in ROOTS:
        return {"init_cfg"}
    path = _files().get(name)
    node = _class(path, name) if path else None
    if node is None:
        return None
    found, passes_on = _own(node)
    if not passes_on:
        return found
    for base in _bases(node):
        more = _arguments(base)
        if more is None:
            return None
        found |= more
    return found


def _listed(name: str) -> set[str]:
    """The arguments that a class and its known bases list."""
    path = _files().get(name)
    node = _class(path, name) if path else None
    if node is None:
        return set()
    return _own(node)[0].union(*map(_listed, _bases(node)))


def _own(node: ast.ClassDef) -> tuple[set[str], bool]:
    """The arguments of a class's own `__init__`, and whether its bases get further ones."""
    for part in node.body:
        if isinstance(part, ast.FunctionDef) and part.name == "__init__":
            listed = part.args
            every = [*listed.posonlyargs, *listed.args, *listed.kwonlyargs]
            return {argument.arg for argument in every}, listed.kwarg is not None
    return set(), True


def _bases(node: ast.ClassDef) -> list[str]:
    return [ast.unparse(base).rpartition(".")[2] for base in node.bases]


def _class(path: Path, name: str) -> ast.ClassDef | None:
    nodes = _tree(path).body
    return next((n for n in nodes if isinstance(n, ast.ClassDef) and n.name == name), None)


@lru_cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@lru_cache
def _base_model(path: Path) -> dict[str, Any]:
    """The `model` of a config of mmdet with its bases; values that are not literals are None."""
    if not path.is_file():
        return {}
    model: dict[str, Any] = {}
    for node in _tree(path).body:
        if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name):
            continue
        value = _value(node.value)
        if node.targets[0].id == "_base_":
            for base in value if isinstance(value, list) else [value]:
                if isinstance(base, str) and "::" not in base:
                    model = _merged(model, _base_model((path.parent / base).resolve()))
        elif node.targets[0].id == "model" and isinstance(value, dict):
            model = _merged(model, value)
    return model


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    found = {} if new.get("_delete_") else dict(old)
    for key, value in new.items():
        both = isinstance(found.get(key), Mapping) and isinstance(value, Mapping)
        found[key] = _merged(found[key], value) if both else value
    return found


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict":
        return {word.arg: _value(word.value) for word in node.keywords if word.arg}
    if isinstance(node, ast.List | ast.Tuple):
        return [_value(part) for part in node.elts]
    return node.value if isinstance(node, ast.Constant) else None
