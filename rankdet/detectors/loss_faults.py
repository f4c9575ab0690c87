"""Faults in the code of a loss, as one line with its file and line."""

import inspect
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from torch import nn

from rankdet.errors import InputError
from rankdet.files import shown
from rankdet.losses.output_checks import LossOutputError

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
    try:
        yield
    except LossOutputError as error:
        raise InputError(f"{place(part)}: {error}") from error
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if loss_file and frame.filename == str(loss_file)]
        memory = isinstance(error, MemoryError) or "out of memory" in str(error).lower()
        if not lines or memory or isinstance(error, InputError):
            raise
        where = f"{shown(str(loss_file))}:{lines[-1]}"
        raise InputError(f"{where}: {type(error).__name__}: {error}") from error


def _called(part: nn.Module) -> str:
    return "terms" if getattr(part, "terms", None) is not None else "forward"
