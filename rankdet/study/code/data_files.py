"""Files that the user's modules read, such as a JSON file of class frequencies beside a loss.

They are found by the texts in the code: `Path(__file__).with_name("frequencies.json")` names the
file `frequencies.json` of the same folder. Names that are computed are not found.
"""

import ast
import os
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from rankdet.files import sha256, shown
from rankdet.study.code.syntax import walk
from rankdet.study.code.tree import Grain, Tree

LONGEST = 255  # characters of a path that is looked for


def data_files(grains: Iterable[Grain], tree: Tree) -> dict[str, str]:
    """Returns the files that statements of the user name, each with its checksum.

    A name is looked for in the folder of the module, then in the current folder. Python files are
    left out: imports are followed elsewhere.

    Args:
        grains: The statements; those of our package are left out.
        tree: The sources.
    """
    found: dict[str, str] = {}
    for path, index in sorted(grains):
        if tree.is_ours(path):
            continue
        for name in _names(tree.source(path).body[index]):
            for folder in (path.parent, Path.cwd()):
                file = folder / name
                if _is_data(file):
                    found.setdefault(shown(file), _checksum(file))
                    break
    return dict(sorted(found.items()))


def _checksum(file: Path) -> str:
    about = file.stat()
    return _read_once(file, about.st_size, about.st_mtime_ns)


@lru_cache  # a plan asks for each variant, and the file may be large
def _read_once(file: Path, _size: int, _modified: int) -> str:
    return sha256(file)[:16]


def _is_data(file: Path) -> bool:
    try:
        return file.suffix not in ("", ".py") and file.is_file() and os.access(file, os.R_OK)
    except (OSError, ValueError):  # a name that is too long, a NUL byte
        return False


def _names(statement: ast.stmt) -> Iterator[str]:
    """Yields the texts that may be paths: alone, joined by `/`, or side by side in a call."""
    for node in walk(statement):
        if isinstance(node, ast.Call):
            yield from _joined(node.args)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            yield from _joined(_divided(node))
        elif isinstance(node, ast.Constant):
            yield from _joined([node])


def _divided(node: ast.expr) -> list[ast.expr]:
    """The parts of `a / b / c`."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        return [*_divided(node.left), node.right]
    return [node]


def _joined(parts: Sequence[ast.expr]) -> Iterator[str]:
    """Yields the texts at the end of some parts, joined as folders and a file."""
    texts: list[str] = []
    for part in reversed(parts):
        if not (isinstance(part, ast.Constant) and isinstance(part.value, str)):
            break
        texts.insert(0, part.value)
    name = "/".join(texts)
    if 0 < len(name) <= LONGEST and name.isprintable():
        yield name
