"""Faults in the code of a loss, as one line with its file and line."""

import ast
import inspect
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from torch import nn

from rankdet.errors import InputError, out_of_memory
from rankdet.files import place_of, shown
from rankdet.losses.output_checks import LossOutputError

BACKWARD = re.compile(r"[Ff]unction (?P<name>\w+)Backward returned")  # torch, without a stack
TAKES = {"forward": "(logits, labels)", "terms": "(problem)"}


def check_signature(part: nn.Module) -> None:
    """Checks that a classification part can be called as a criterion calls it.

    Raises:
        InputError: If it has neither `forward` nor `terms`, or that takes other arguments.
    """
    name = _called(part)
    if getattr(type(part), name, None) is nn.Module.forward:
        raise InputError(
            f"{class_place(type(part))}: class {type(part).__name__} has neither "
            "forward(logits, labels) nor terms(problem); define one of them"
        )
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


def own_place(part: nn.Module) -> str | None:
    """Returns as `place`; None for the losses of this package, in which a user corrects nothing."""
    return None if type(part).__module__.startswith("rankdet.") else place(part)


def class_place(kind: type) -> str:
    """Returns the file and line of a class, as far as Python knows them."""
    try:
        return f"{shown(inspect.getsourcefile(kind) or '')}:{inspect.getsourcelines(kind)[1]}"
    except (OSError, TypeError):  # Python finds classes only of modules that can be imported
        pass
    codes = (getattr(value, "__code__", None) for value in vars(kind).values())
    first = next((code for code in codes if code is not None), None)
    return f"{shown(first.co_filename)}:{first.co_firstlineno}" if first else kind.__name__


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
        where = _place(error, loss_file) if loss_file else None
        if where is None or out_of_memory(error):
            raise
        said = " ".join(str(error).split())
        problem = f"{type(error).__name__}: {said}"
        if isinstance(error, SystemExit):
            problem = f"the loss ended the training with sys.exit({said}); remove that call"
        raise InputError(f"{where}: {problem}") from error


def _place(error: BaseException, loss_file: str | Path) -> str | None:
    """Returns where in the user's code an error arose; None if it arose elsewhere."""
    if found := place_of(error, loss_file):
        return found
    line = _line_of_function(BACKWARD.match(str(error)), loss_file)
    return f"{shown(loss_file)}:{line}" if line else None


def _line_of_function(named: re.Match[str] | None, loss_file: str | Path) -> int | None:
    """Returns where a loss's file defines the autograd function that torch names."""
    if named is None:
        return None
    tree = ast.parse(Path(loss_file).read_bytes())
    classes = (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    return next((node.lineno for node in classes if node.name == named["name"]), None)


def _called(part: nn.Module) -> str:
    return "terms" if getattr(part, "terms", None) is not None else "forward"
