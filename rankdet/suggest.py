"""The words of an error: the nearest known name, and mappings merged key by key."""

import copy
import difflib
from collections.abc import Iterable, Mapping
from typing import Any


def nearest(word: str, known: Iterable[str]) -> str:
    """Returns "did you mean 'x'?" for the closest known word, else the list of all of them."""
    known = list(known)
    close = difflib.get_close_matches(str(word), known, n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"


def choice(word: str, known: Iterable[str]) -> str:
    """Returns the closest known word, if any is close, and the list of all of them."""
    known = list(known)
    close = difflib.get_close_matches(str(word), known, n=1, cutoff=0.6)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{hint}known: {', '.join(known)}"


def merged(base: Mapping[str, Any], *changes: Mapping[str, Any]) -> dict[str, Any]:
    """Returns `base` with each of `changes` merged in, mappings key by key; nothing is shared.

    A mapping that names another `type` starts anew: the old one's arguments mean nothing to it.
    """
    result = copy.deepcopy(dict(base))
    for change in changes:
        for key, value in change.items():
            old = result.get(key)
            both = isinstance(old, Mapping) and isinstance(value, Mapping)
            if both and value.get("type", old.get("type")) == old.get("type"):
                result[key] = merged(old, value)
            else:
                result[key] = copy.deepcopy(value)
    return result
