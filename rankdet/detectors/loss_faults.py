"""Faults in the code of a loss, as one line with its file and line."""

import ast
import inspect
import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from torch import nn

from rankdet.errors import InputError
from rankdet.files import shown
from rankdet.losses.output_checks import LossOutputError

BACKWARD = re.compile(r"[Ff]unction (?P<name>\w+)Backward returned")  # torch, without a stack
TAKES = {"forward": "(logits, labels)", "terms": "(problem)"}


def check_signature(part: nn.Module) -> None:
    """Checks that a classification part can be called as a criterion calls it.

    Raises:
        InputError: If its `forward` or `terms` takes other arguments.
    """
    name = _called(part)
    arguments = [None] * len(TAKES[name].split(","))
    try:
        inspect.signature(getattr(part, name)).bind(*arguments)
    except TypeError as error:
        raise InputError(
            f"{place(part)}: {name} is called with {TAKES[name]}: {error}; give it these arguments"
        ) from None


def place(part: nn.Module) -> str:
    """Returns the file and line of the method that computes a part's loss."""
    kind = type(part)
    try:
        code = getattr(kind, _called(part)).__code__
        return f"{shown(code.co_filename)}:{code.co_firstlineno}"
    except AttributeError:
        return kind.__name__


@contextmanager
def located(part: nn.Module, loss_file: str | Path | None) -> Iterator[None]:
    """Turns an error of a loss's own code, or in what it returned, into one line with its place.

    Args:
        part: The classification part.
        loss_file: The file of the loss; errors in other files are not changed.

    Raises:
        InputError: With file, line and the error.
    """
    with located_in(loss_file):
        try:
            yield
        except LossOutputError as error:
            raise InputError(f"{place(part)}: {error}") from error


@contextmanager
def located_in(loss_file: str | Path | None) -> Iterator[None]:
    """Turns an error of a loss's file, also in its backward pass, into one line with its place.

    Args:
        loss_file: The file of the loss; errors in other files are not changed.

    Raises:
        InputError: With file, line and the error.
    """
    try:
        yield
    except InputError:
        raise
    except (Exception, SystemExit) as error:
        line = _line_of(error, str(loss_file)) if loss_file else None
        memory = isinstance(error, MemoryError) or "out of memory" in str(error).lower()
        if line is None or memory:
            raise
        said = " ".join(str(error).split())
        problem = f"{type(error).__name__}: {said}"
        if isinstance(error, SystemExit):
            problem = f"the loss ended the training with sys.exit({said}); remove that call"
        raise InputError(f"{shown(str(loss_file))}:{line}: {problem}") from error


def _line_of(error: BaseException, loss_file: str) -> int | None:
    """Returns the line of a loss's file in which an error arose; None if it arose elsewhere."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == loss_file]
    return lines[-1] if lines else _line_of_function(BACKWARD.match(str(error)), loss_file)


def _line_of_function(named: re.Match[str] | None, loss_file: str) -> int | None:
    """Returns where a loss's file defines the autograd function that torch names."""
    if named is None:
        return None
    tree = ast.parse(Path(loss_file).read_bytes())
    classes = (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    return next((node.lineno for node in classes if node.name == named["name"]), None)


def _called(part: nn.Module) -> str:
    return "terms" if getattr(part, "terms", None) is not None else "forward"
