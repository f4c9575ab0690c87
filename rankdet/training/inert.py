"""Reads checkpoints without running anything in them: tensors, numbers, text and containers."""

import pickle
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rankdet.errors import InputError


def load_inert(
    path: Path,
    stand_ins: Sequence[tuple[Any, str]] = (),
    remedy: str = "delete it and train again",
) -> Any:
    """Reads a checkpoint file on the CPU without running anything that it names.

    torch allows its own tensor types. What this process has put on torch's list of safe names is
    not allowed here.

    Args:
        path: The file.
        stand_ins: Pairs (class, name): the class replaces what the file calls by this name.
        remedy: What to do about a file that is refused or damaged, for the message.

    Returns:
        The content.

    Raises:
        InputError: If the file cannot be read, is damaged, or names anything that could run code.
    """
    import torch  # here: its import takes seconds

    try:
        with _only(torch, stand_ins):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise InputError(f"{path}: {_refusal(str(error))}; {remedy}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    except Exception as error:  # a damaged pickle raises any exception
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"{path}: not a complete PyTorch checkpoint ({first:.120}); {remedy}"
        ) from None


def _refusal(message: str) -> str:
    """Returns in one line why a file was rejected; the message of torch has many lines."""
    named = message.partition("GLOBAL ")[2].split()
    what = named[0] if named else ""
    if what:
        return f"refused, because it names {what}, which could run code"
    return "not a PyTorch checkpoint, or one with more than weights"


@contextmanager
def _only(torch: Any, stand_ins: Sequence[tuple[Any, str]]) -> Iterator[None]:
    """Allows only the stand-ins, apart from the types that torch always allows."""
    kept = torch.serialization.get_safe_globals()
    torch.serialization.clear_safe_globals()
    torch.serialization.add_safe_globals([*stand_ins, *([deque] if stand_ins else [])])
    try:
        yield
    finally:
        torch.serialization.clear_safe_globals()
        torch.serialization.add_safe_globals(kept)
