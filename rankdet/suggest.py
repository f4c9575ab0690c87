"""The nearest known name, for error messages, and the merging of mappings."""

import copy
import difflib
from collections.abc import Iterable, Mapping
from typing import Any


def close(word: str, known: Iterable[str]) -> str | None:
    """Returns the closest known word if one is so close that `word` may be a slip of it."""
    found = difflib.get_close_matches(str(word), list(known), n=1, cutoff=0.6)
    return found[0] if found else None


def nearest(word: str, known: Iterable[str]) -> str:
    """Returns "did you mean 'x'?" with the closest known word, or the list of all known words."""
    known = list(known)
    found = close(word, known)
    return f"did you mean {found!r}?" if found else f"known: {', '.join(known)}"


def choice(word: str, known: Iterable[str]) -> str:
    """Returns the closest known word, if one is close, and the list of all known words."""
    known = list(known)
    found = close(word, known)
    hint = f"did you mean {found!r}? " if found else ""
    return f"{hint}known: {', '.join(known)}"


def merged_by_type(base: Mapping[str, Any], *changes: Mapping[str, Any]) -> dict[str, Any]:
    """Merges changes into a mapping key by key, also in nested mappings.

    A nested mapping with another `type` replaces the old one: arguments belong to one type. For a
    model of mmdet there is `rankdet.detectors.models.merged_into_lists`.

    Args:
        base: The mapping to start from.
        *changes: The changes; a later one overrides an earlier one.

    Returns:
        A new dict that shares no object with the arguments.
    """
    result = copy.deepcopy(dict(base))
    for change in changes:
        for key, value in change.items():
            old = result.get(key)
            if isinstance(old, Mapping) and isinstance(value, Mapping) and _same_type(old, value):
                result[key] = merged_by_type(old, value)
            else:
                result[key] = copy.deepcopy(value)
    return result


def _same_type(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    return bool(new.get("type", old.get("type")) == old.get("type"))
