"""One Python file: its top-level statements, the names they bind, and its imports."""

import ast
from collections import defaultdict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from rankdet.study.code import outside
from rankdet.study.code.syntax import (
    DEFINITIONS,
    binds_names,
    bound,
    is_import,
    is_star,
    parse,
    root_name,
    statements,
    walk,
    without_docstrings,
)

if TYPE_CHECKING:
    from rankdet.study.code.tree import Tree

PACKAGES = ("rankdet",)
NAMING = (ast.Name, ast.Attribute, ast.Import, ast.ImportFrom)


class Source:
    """One Python file, ours or the user's: its statements, the names they bind, and its imports."""

    def __init__(self, path: Path, tree: "Tree") -> None:
        self.path, self.tree = path, tree
        self._texts: dict[int, str] = {}
        self._parts: dict[int, list[ast.AST]] = {}
        self.body = without_docstrings(parse(path)).body

    @cached_property
    def names(self) -> dict[str, list[int]]:
        """Each top-level name to the statements that bind it."""
        names: dict[str, list[int]] = defaultdict(list)
        for index, node in enumerate(self.body):
            for name in bound(node):
                names[name].append(index)
        return names

    @cached_property
    def imports(self) -> dict[str, tuple[str, str | None]]:
        """Each imported name, anywhere in the file, to (module, name in it or None)."""
        found: dict[str, tuple[str, str | None]] = {}
        for node in statements(ast.Module(self.body, [])):
            if isinstance(node, ast.ImportFrom):
                module = self.absolute(node)
                found.update({a.asname or a.name: (module, a.name) for a in node.names})
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    bound = alias.asname or alias.name.split(".")[0]
                    found[bound] = (alias.name if alias.asname else bound, None)
        return {name: place for name, place in found.items() if self.follows(place[0])}

    def follows(self, module: str) -> bool:
        """Returns whether imports of a module are followed: ours, in a user's file also theirs."""
        if is_ours(module):
            return True
        return not self.tree.is_ours(self.path) and self.tree.place(module).kind == outside.OWN

    @cached_property
    def loose(self) -> list[int]:
        """Statements with an effect at import, and classes that a decorator registers."""
        loose = []
        for index, node in enumerate(self.body):
            if isinstance(node, DEFINITIONS):
                if any(root_name(d) in self.names for d in node.decorator_list):
                    loose.append(index)
            elif not is_import(node) and not binds_names(node):
                loose.append(index)
        return loose

    @cached_property
    def stars(self) -> list[str]:
        """Modules from which all names are imported, of those that are followed."""
        found = [node for node in statements(ast.Module(self.body, [])) if is_star(node)]
        return [module for module in map(self.absolute, found) if self.follows(module)]

    def absolute(self, node: ast.ImportFrom) -> str:
        """Returns the module that a statement imports from, also for a relative import."""
        if not node.level:
            return node.module or ""
        parts = list(self.path.relative_to(self.tree.base(self.path)).with_suffix("").parts)
        parts = parts[: len(parts) - node.level]
        return ".".join([*parts, *([node.module] if node.module else [])])

    def parts(self, index: int) -> list[ast.AST]:
        """Returns the names, attributes and imports in a statement; of a user's file also calls."""
        if index not in self._parts:
            kinds = NAMING if self.tree.is_ours(self.path) else (*NAMING, ast.Call)
            self._parts[index] = [one for one in walk(self.body[index]) if isinstance(one, kinds)]
        return self._parts[index]

    def text(self, index: int) -> str:
        """Returns a statement without comments, docstrings and layout."""
        if index not in self._texts:
            self._texts[index] = ast.unparse(self.body[index])
        return self._texts[index]


def is_ours(module: str) -> bool:
    """Returns whether a module is one of our package."""
    return module.split(".")[0] in PACKAGES
