"""Syntax trees of Python files."""

import ast
from pathlib import Path

from rankdet.errors import InputError
from rankdet.files import shown


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
