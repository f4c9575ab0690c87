"""Names that a loss file takes from the user's modules and that are not there: `maths.focuss`.

Python finds them only when the loss is called. The text tells them before any job starts, where it
is sure: a module that is bound once, and whose names are all in its text.
"""

import ast
from collections import Counter
from collections.abc import Callable, Iterator

from rankdet.study.code.source import Source

# What may give a module or a use of it names that its text does not have.
OPEN = frozenset({"hasattr", "setattr", "globals", "exec", "vars"})
BLOCKS = (ast.Try, ast.If)  # what is in them may be meant to fail, or never to run
NamesOf = Callable[[str], set[str] | None]  # the names of a module; None if they are not known


def unknown_attributes(source: Source, names_of: NamesOf) -> Iterator[tuple[int, str, str]]:
    """Yields each attribute of an imported module that the module does not have.

    Args:
        source: The file.
        names_of: Returns the names of a module.

    Yields:
        The line, the module and the attribute.
    """
    body = ast.Module(source.body, [])
    if _calls(body) & OPEN:
        return
    times = _times_bound(body)
    known = {}
    for name, module in _imported(source):
        names = names_of(module) if times[name] == 1 else None
        if names is not None:
            known[name] = (module, names)
    for node in _surely_run(body):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module, names = known.get(node.value.id, ("", None))
            if names is not None and node.attr not in names and not node.attr.startswith("__"):
                yield node.lineno, module, node.attr


def _imported(source: Source) -> Iterator[tuple[str, str]]:
    """Each name that an import at the top binds, and the module that it may be."""
    for node in source.body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.asname or "." not in alias.name:
                    yield alias.asname or alias.name, alias.name
        elif isinstance(node, ast.ImportFrom) and (module := source.absolute(node)):
            yield from ((one.asname or one.name, f"{module}.{one.name}") for one in node.names)


def _times_bound(body: ast.AST) -> Counter[str]:
    """How often a name is bound, or an attribute is given to it: `maths.new = ...`."""
    found: Counter[str] = Counter()
    for node in ast.walk(body):
        if isinstance(node, ast.Import | ast.ImportFrom):
            found.update(alias.asname or alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found[node.name] += 1
        elif isinstance(node, ast.arg):
            found[node.arg] += 1
        elif not isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
            inner = node.value if isinstance(node, ast.Attribute) else node
            found.update([inner.id] if isinstance(inner, ast.Name) else [])
    return found


def _surely_run(node: ast.AST) -> Iterator[ast.AST]:
    """A node and all below it, without blocks that may be meant to fail or never to run."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, BLOCKS):
            yield from _surely_run(child)


def _calls(body: ast.AST) -> set[str]:
    calls = (node.func for node in ast.walk(body) if isinstance(node, ast.Call))
    return {one.id for one in calls if isinstance(one, ast.Name)}
