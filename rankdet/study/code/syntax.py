"""Syntax trees of Python files."""

import ast
from pathlib import Path
from typing import TypeGuard

from rankdet.errors import InputError, in_words
from rankdet.files import shown

DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
BLOCKS = ("body", "handlers", "orelse", "finalbody", "cases")  # fields with statements


def parse(path: Path) -> ast.Module:
    """Returns a file's syntax tree.

    Raises:
        InputError: With file and line, if it cannot be parsed.
    """
    try:
        return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    except SyntaxError as error:
        line = f":{error.lineno}" if error.lineno else ""  # none for a NUL byte
        raise InputError(f"{shown(path)}{line}: syntax error: {error.msg}") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{shown(path)}: cannot be read: {in_words(error)}") from None


def walk(node: ast.AST) -> list[ast.AST]:
    """Returns a node and everything below it, in the order of `ast.walk`, faster.

    Whether a name is read or written (`ctx`) is left out.
    """
    found = [node]
    for one in found:  # grows on the way
        for value in vars(one).values():
            if isinstance(value, list):
                found += [part for part in value if isinstance(part, ast.AST)]
            elif isinstance(value, ast.AST) and not isinstance(value, ast.expr_context):
                found.append(value)
    return found


def statements(node: ast.AST) -> list[ast.AST]:
    """Returns a node and the statements below it, in the order of `ast.walk`, without expressions.

    Parts of a statement that have statements of their own (`except`, `case`) are among them.
    """
    found = [node]
    for one in found:  # grows on the way
        for field in BLOCKS:
            found += getattr(one, field, ())
    return found


def bound(node: ast.stmt) -> set[str]:
    """Returns the names that a statement binds, except imports."""
    if isinstance(node, DEFINITIONS):
        return {node.name}
    if is_import(node):
        return set()
    stored = (part for part in walk(node) if isinstance(part, ast.Name))
    return {part.id for part in stored if isinstance(part.ctx, ast.Store)}


def is_import(node: ast.stmt) -> bool:
    """Returns whether a statement is an import."""
    return isinstance(node, ast.Import | ast.ImportFrom)


def is_star(node: ast.AST) -> TypeGuard[ast.ImportFrom]:
    """Returns whether a statement is `from module import *`."""
    return isinstance(node, ast.ImportFrom) and node.names[0].name == "*"


def imported_by_call(node: ast.AST) -> str | None:
    """Returns the module of `importlib.import_module("a.b")` or `__import__("a.b")`, else None."""
    if not isinstance(node, ast.Call) or not node.args:
        return None
    called = node.func.attr if isinstance(node.func, ast.Attribute) else root_name(node.func)
    first = node.args[0]
    if called not in ("import_module", "__import__") or not isinstance(first, ast.Constant):
        return None
    return first.value if isinstance(first.value, str) else None


def binds_names(node: ast.stmt) -> bool:
    """Returns whether a statement only gives values to names; `a.b = 1` and `a[0] = 1` do more."""
    if not isinstance(node, ast.Assign | ast.AnnAssign):
        return False
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    stored = [part for one in targets for part in walk(one)]
    return not any(isinstance(part, ast.Attribute | ast.Subscript) for part in stored)


def root_name(node: ast.expr) -> str | None:
    """Returns the name with which an expression such as `a.b(c).d` starts; None if it has none."""
    while isinstance(node, ast.Attribute | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def without_docstrings(tree: ast.Module) -> ast.Module:
    """Returns the tree without docstrings, changed in place."""
    for node in statements(tree):
        if isinstance(node, (ast.Module, *DEFINITIONS)):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and _is_text(first.value):
                node.body = node.body[1:] or ([] if isinstance(node, ast.Module) else [ast.Pass()])
    return tree
