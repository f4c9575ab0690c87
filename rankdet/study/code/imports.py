"""Imports of a loss file that cannot work, found from its text before any job starts."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from rankdet.files import shown
from rankdet.study.code import outside
from rankdet.study.code.attributes import OPEN, unknown_attributes
from rankdet.study.code.source import Source
from rankdet.study.code.syntax import DEFINITIONS
from rankdet.study.code.tree import Grain, Tree
from rankdet.suggest import close, nearest


def import_problems(path: Path, tree: Tree) -> Iterator[str]:
    """Yields the imports that fail in a loss file and in the user's modules that it reaches.

    Imports in a function, an `if` or a `try` are not checked: they may never run.

    Args:
        path: The loss file.
        tree: The sources.

    Yields:
        One line with file, line and remedy.

    Raises:
        InputError: If one of these modules has a syntax error.
    """
    waiting, seen = [path], set()
    while waiting:
        file = waiting.pop()
        if file in seen:
            continue
        seen.add(file)
        source = tree.source(file)
        for node in source.body:
            for module, name in _imported(node, source):
                if name is None and module == "":
                    yield (
                        f"{shown(file)}:{node.lineno}: a relative import, but a loss file is not "
                        "in a package; write `from helpers import ...`"
                    )
                elif problem := _problem(module, name, source):
                    yield f"{shown(file)}:{node.lineno}: {problem}"
                else:
                    waiting += [f for f in _files(module, name, source) if not tree.is_ours(f)]
        for line, module, word in unknown_attributes(source, lambda m: _own_names(m, tree)):
            known = nearest(word, sorted(_own_names(module, tree) or ()))
            yield f"{shown(file)}:{line}: {_where(module, tree)} has no {word!r}; {known}"


def _imported(node: ast.stmt, source: Source) -> Iterator[tuple[str, str | None]]:
    if isinstance(node, ast.Import):
        yield from ((alias.name, None) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        if node.level and source.tree.base(source.path) == source.path.parent:
            yield "", None
            return
        yield from ((source.absolute(node), alias.name) for alias in node.names)


def _problem(module: str, name: str | None, source: Source) -> str | None:
    tree, top = source.tree, module.split(".")[0]
    if not source.follows(module):
        if tree.place(module).kind != outside.MISSING:
            return None
        near = nearest(top, _modules_beside(tree.own)) if tree.own else ""
        where = ", ".join(f"{shown(folder)}/" for folder in tree.own)
        searched = f"neither in {where} nor installed" if where else "not installed"
        return f"no module {top!r}: {searched}; {near or 'install it, or correct the name'}"
    path = tree.module(module)
    if path is None and not _is_folder(module, tree):
        above, _, last = module.rpartition(".")
        found = close(last, _modules_in(above, tree)) if above else None
        hint = f"did you mean {f'{above}.{found}'!r}?" if found else "correct the name, or write it"
        return f"no module {module!r}; {hint}"
    if name in (None, "*") or tree.module(f"{module}.{name}"):
        return None
    if _is_folder(f"{module}.{name}", tree):
        return None
    known = _names(tree.source(path)) if path else set()
    if known is None or name in known:
        return None
    known = {*known, *_modules_in(module, tree)}
    hint = nearest(str(name), sorted(known)) if known else "it is empty; correct the name"
    return f"{_where(module, tree)} has no {name!r}; {hint}"


def _where(module: str, tree: Tree) -> str:
    """The file of a module, or the folder of one without `__init__.py`."""
    path = tree.module(module)
    return shown(path) if path else f"{shown(_folder(module, tree))}/"


def _folder(module: str, tree: Tree) -> Path:
    return (tree.place(module).folder or Path()).joinpath(*module.split("."))


def _modules_in(module: str, tree: Tree) -> list[str]:
    """The modules in the folder of a package of the user; empty of another module."""
    folder = _folder(module, tree)
    known = tree.place(module).folder is not None and folder.is_dir()
    return [name for name in _modules_beside([folder]) if name != "__init__"] if known else []


def _own_names(module: str, tree: Tree) -> set[str] | None:
    """All names of a module of the user; None of another one, or if its text does not tell."""
    path = tree.module(module) if tree.place(module).kind == outside.OWN else None
    if path is None or tree.is_ours(path):
        return None
    source = tree.source(path)
    if any(isinstance(node, ast.Global) for node in ast.walk(ast.Module(source.body, []))):
        return None
    known = None if _called(source) & OPEN else _names(source)
    return None if known is None else {*known, *_modules_in(module, tree)}


def _is_folder(module: str, tree: Tree) -> bool:
    """Whether a module is a folder without `__init__.py`, which Python takes for a package."""
    folder = tree.place(module).folder
    return folder is not None and folder.joinpath(*module.split(".")).is_dir()


def _names(source: Source) -> set[str] | None:
    """The names that a module has; None if its text does not tell them all."""
    found = set(source.names)
    for node in ast.walk(ast.Module(source.body, [])):
        if isinstance(node, DEFINITIONS):
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                if alias.name == "*":
                    return None
                found.add(alias.asname or alias.name.split(".")[0])
    return None if "__getattr__" in found or "globals" in _called(source) else found


def _called(source: Source) -> set[str]:
    walked = ast.walk(ast.Module(source.body, []))
    return {n.func.id for n in walked if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}


def _files(module: str, name: str | None, source: Source) -> Iterator[Path]:
    """The files of an import that is followed."""
    if source.follows(module):
        for one in (module, f"{module}.{name}"):
            path = source.tree.module(one)
            if path is not None:
                yield path


def _modules_beside(folders: Iterable[Path]) -> list[str]:
    return sorted(
        path.stem
        for folder in folders
        for path in folder.iterdir()
        if path.suffix == ".py" or (path.is_dir() and any(path.glob("*.py")))
    )


def installed_versions(file: Path, grains: Iterable[Grain], tree: Tree) -> dict[str, str]:
    """Returns the versions of the installed packages that the user's files import.

    What training itself needs, such as torch, is left out: see `outside.DEPENDENCIES`.

    Args:
        file: The loss file.
        grains: Statements that it reaches; their files are looked at as a whole.
        tree: The sources.
    """
    found = {}
    for path in {file, *(path for path, _ in grains if not tree.is_ours(path))}:
        for node in ast.walk(ast.Module(tree.source(path).body, [])):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            for top in {name.split(".")[0] for name in names} - outside.DEPENDENCIES - {"rankdet"}:
                if tree.place(top).kind == outside.INSTALLED:
                    found[top] = outside.version_of(top)
    return found
