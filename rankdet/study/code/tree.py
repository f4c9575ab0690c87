"""What a piece of our Python depends on, read from syntax trees: no module is imported.

A `Source` is one file. Its top-level statements are the units of dependency (grains). From a
function or class, `reach` follows the names it uses: within the file, through imports, and through
packages that only re-export names. So a run depends on the code that it executes, and not on other
code in the same file: editing AP Loss does not touch a run with aLRP Loss, although both classes
are in one file. Modules of the user that a loss file imports are followed in the same way.
"""

import ast
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from rankdet.repository import CODE, product
from rankdet.study.code import outside
from rankdet.study.code.source import PACKAGES, Source, is_ours
from rankdet.study.code.syntax import imported_by_call, is_import, is_star

Grain = tuple[Path, int]  # a file and the index of one of its top-level statements


class Tree:
    """All of our sources below a root, and those of the user, read when they are first needed.

    Args:
        root: The folder that has our package.
        own: Folders of the user in which modules are looked for before Python's path.
    """

    def __init__(self, root: Path = CODE, own: tuple[Path, ...] = ()) -> None:
        self.root, self.own, self.product = root, own, product(root)
        self._bases: dict[Path, Path] = {}
        self._names: dict[Path, str] = {}
        self._sources: dict[Path, Source] = {}
        self._modules: dict[str, Path | None] = {}
        self._used: dict[Grain, list[Grain]] = {}

    def source(self, path: Path) -> Source:
        """Returns a file's source."""
        if path not in self._sources:
            self._sources[path] = Source(path, self)
        return self._sources[path]

    def place(self, module: str) -> outside.Place:
        """Returns where a module is that is not ours."""
        return outside.place_of(module.split(".")[0], self.own)

    def is_ours(self, path: Path) -> bool:
        """Returns whether a file belongs to our package."""
        return path.is_relative_to(self.root / PACKAGES[0]) and not (
            self.product != self.root and path.is_relative_to(self.product)
        )

    def is_shipped(self, path: Path) -> bool:
        """Returns whether a file belongs to the product, and not to the user."""
        return path.is_relative_to(self.product) or path.is_relative_to(self.root)

    def base(self, path: Path) -> Path:
        """Returns the folder from which a file's name as a module starts."""
        if path not in self._bases:
            self._bases[path] = self.root if path.is_relative_to(self.root) else path.parent
        return self._bases[path]

    def name(self, path: Path) -> str:
        """Returns a file's name for hashes: the same in a clone, in a wheel and on any machine."""
        if path in self._names:  # paths are compared slowly, and a study asks 70,000 times
            return self._names[path]
        for base in (self.product, self.root):
            if path.is_relative_to(base):
                self._names[path] = path.relative_to(base).as_posix()
                return self._names[path]
        return path.relative_to(self.base(path)).as_posix()

    def forget(self, path: Path) -> None:
        """Makes the tree read a file again, because it has changed."""
        self._sources.pop(path, None)
        self._used = {grain: used for grain, used in self._used.items() if grain[0] != path}

    def module(self, name: str) -> Path | None:
        """Returns the file of one of our modules, or None."""
        if name not in self._modules:
            self._modules[name] = self._find(name)
        return self._modules[name]

    def _find(self, name: str) -> Path | None:
        folder = self.root if is_ours(name) else self.place(name).folder
        if folder is None:
            return None
        base = folder.joinpath(*name.split("."))
        candidates = (base / "__init__.py", base.with_suffix(".py"))
        path = next((path for path in candidates if path.is_file()), None)
        if path is not None:
            self._bases[path] = folder
        return path

    def whole(self, path: Path) -> set[Grain]:
        """Returns every statement of a file except imports, which are followed at their use."""
        source = self.source(path)
        body = enumerate(source.body)
        return {
            (path, i)
            for i, node in body
            if not is_import(node) or any(_side_effects([node], source))
        }

    def find(self, module: str, name: str, seen: frozenset = frozenset()) -> set[Grain]:
        """Returns the statements that define a name of a module, also a re-exported name."""
        path = self.module(module)
        if (module, name) in seen:
            return set()
        if path is not None:
            source = self.source(path)
            if name in source.names:
                return {(path, index) for index in source.names[name]}
            seen = frozenset({*seen, (module, name)})
            if name in source.imports:
                return self.imported(source.imports[name], seen)
            for star in source.stars:
                if found := self.find(star, name, seen):
                    return found
        submodule = self.module(f"{module}.{name}")
        return self.whole(submodule) if submodule else set()

    def imported(
        self, place: tuple[str, str | None], seen: frozenset[tuple[str, str]] = frozenset()
    ) -> set[Grain]:
        """Returns the statements behind an import.

        Args:
            place: The module and the name; None for the module as a whole.
            seen: The names that led here.
        """
        module, name = place
        if name is not None:
            return self.find(module, name, seen)
        path = self.module(module)
        return self.whole(path) if path else set()

    def used(self, grain: Grain) -> list[Grain]:
        """Returns the statements that one statement names.

        Of a module that is imported as a whole, only the used attributes are followed. A module
        that is passed on as an object is not followed.
        """
        if grain not in self._used:
            self._used[grain] = list(self._look(grain))
        return self._used[grain]

    def _look(self, grain: Grain) -> Iterator[Grain]:
        source = self.source(grain[0])
        parts = source.parts(grain[1])
        for module, attribute in _attributes(parts, source, self):
            yield from self.find(module, attribute)
        for name in {part.id for part in parts if isinstance(part, ast.Name)}:
            if name not in source.names and name not in source.imports:
                for star in source.stars:
                    yield from self.find(star, name)
            yield from ((source.path, index) for index in source.names.get(name, ()))
            if name in source.imports and self._as_module(source.imports[name]) is None:
                yield from self.imported(source.imports[name])
        for module in _side_effects(parts, source):
            path = self.module(module)
            if path is not None:
                yield from self.whole(path)

    def _as_module(self, place: tuple[str, str | None]) -> str | None:
        """Returns the module that an imported name refers to, if it is a module of ours."""
        module, name = place
        path = self.module(module)
        if name is None:
            return module if path else None
        source = self.source(path) if path else None
        if source and name in source.names:
            return None
        if self.module(f"{module}.{name}"):
            return f"{module}.{name}"
        onward = source.imports.get(name) if source else None
        return self._as_module(onward) if onward and onward != place else None

    def registry(self, module: str, name: str) -> dict[str, set[Grain]]:
        """Returns what a dict of classes or functions in a module maps each key to.

        Args:
            module: The module, such as `rankdet.losses.balance`.
            name: The dict's name; it is a literal whose values are names.
        """
        for path, index in self.find(module, name):
            node = self.source(path).body[index]
            value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
            if isinstance(value, ast.Dict):
                return {
                    str(key.value): self.find(module, part.id)
                    for key, part in zip(value.keys, value.values, strict=True)
                    if isinstance(key, ast.Constant) and isinstance(part, ast.Name)
                }
        return {}

    def reach(
        self, grains: Iterable[Grain], closed: Callable[[Grain], bool] = lambda _: False
    ) -> set[Grain]:
        """Returns the statements and everything that they use, directly or not.

        Args:
            grains: Where to start.
            closed: Whether a statement, and what it uses, is left out.
        """
        reached: set[Grain] = set()
        waiting = list(grains)
        touched: set[Path] = set()
        while waiting:
            grain = waiting.pop()
            if grain in reached or closed(grain):
                continue
            reached.add(grain)
            waiting.extend(self.used(grain))
            if grain[0] not in touched:
                touched.add(grain[0])
                for path in (grain[0], *self.above(grain[0])):
                    waiting.extend((path, index) for index in self.source(path).loose)
        return reached

    def above(self, path: Path) -> list[Path]:
        """Returns the `__init__.py` of the packages of a user's module: they run before it."""
        if self.is_shipped(path):
            return []
        base = self.base(path)
        folders = [folder for folder in path.parents if folder != base and base in folder.parents]
        files = (folder / "__init__.py" for folder in folders)
        return [file for file in files if file.is_file() and file != path]


@lru_cache
def our_tree(root: Path = CODE, own: tuple[Path, ...] = ()) -> Tree:
    """Returns our sources, with those of the user in some folders, read once per process."""
    return Tree(root, own)


def _attributes(parts: Iterable[ast.AST], source: Source, tree: Tree) -> Iterator[tuple[str, str]]:
    """Yields (module, attribute) for `module.attribute` if the module is one of ours."""
    for part in parts:
        if not isinstance(part, ast.Attribute):
            continue
        chain = [part.attr]
        value: ast.expr = part.value
        while isinstance(value, ast.Attribute):
            chain.append(value.attr)
            value = value.value
        if isinstance(value, ast.Name) and value.id in source.imports:
            module = tree._as_module(source.imports[value.id])
            path = [*reversed(chain)]
            while module and len(path) > 1 and tree.module(f"{module}.{path[0]}"):
                module = f"{module}.{path.pop(0)}"
            if module:
                yield module, path[0]


def _side_effects(parts: Iterable[ast.AST], source: Source) -> Iterator[str]:
    """Yields modules that count as a whole.

    They are those of a plain `import a.b`, which is usually there for its effects at import, and of
    `from a import *` and `import_module("a")`, which hide which names are used.
    """
    for part in parts:
        if isinstance(part, ast.Import):
            yield from (a.name for a in part.names if not a.asname and source.follows(a.name))
        elif is_star(part):
            module = source.absolute(part)
            if source.follows(module):
                yield module
        elif (named := imported_by_call(part)) and source.follows(named):
            yield named
