"""Reading an annotation file in COCO's format: what is wrong with it as a whole, in one line."""

import json
from pathlib import Path
from typing import Any

from rankdet.errors import InputError

LISTS = ("images", "annotations", "categories")


def read(path: Path, *, annotated: bool = True) -> dict[str, Any]:
    """Returns the parsed file, of which `images`, `annotations` and `categories` are lists.

    Args:
        path: the file.
        annotated: False accepts a file without `annotations`, such as COCO's image info of
            test-dev; the key is then missing.

    Raises:
        InputError: no such file, no JSON (with line and byte), or no COCO annotations.
    """
    data = _parse(path, _content(path))
    if isinstance(data, list):
        raise InputError(
            f"{path} holds a list, not an object with {_quoted(LISTS)}: a file of detections?"
            " Give COCO annotations"
        )
    if not isinstance(data, dict):
        raise InputError(f"{path} holds {data!r:.30}, not an object with {_quoted(LISTS)}")
    lists = LISTS if annotated or "annotations" in data else ("images", "categories")
    missing = [key for key in lists if key not in data]
    if missing:
        found = _quoted(list(data)[:6]) if data else "nothing"
        raise InputError(f"{path} lacks {_quoted(missing)} (found: {found}): no COCO annotations")
    for key in lists:
        if not isinstance(data[key], list):
            raise InputError(f"{path}: {key!r} is {data[key]!r:.30}; COCO has a list there")
        for position, entry in enumerate(data[key]):
            if not isinstance(entry, dict):
                raise InputError(
                    f"{path}: entry {position} of {key!r} is {entry!r:.30}; COCO has an object"
                )
    return data


def _content(path: Path) -> bytes:
    if path.is_dir():
        raise InputError(f"{path} is a folder; give the annotation file (JSON) itself")
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"annotations not found: {path}{_neighbours(path)}") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error


def _neighbours(path: Path) -> str:
    if not path.parent.is_dir():
        return f" (there is no folder {path.parent})"
    found = sorted(other.name for other in path.parent.glob("*.json"))[:3]
    return f" (that folder has {', '.join(found)})" if found else " (that folder has no .json file)"


def _parse(path: Path, content: bytes) -> Any:
    if not content.strip():
        raise InputError(f"{path} is empty; give COCO annotations (JSON)")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        kind = "gzip-compressed: unpack it first" if content[:2] == b"\x1f\x8b" else "no text"
        raise InputError(f"{path} is no JSON: byte {error.start} is no UTF-8 ({kind})") from None
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        byte = len(text[: error.pos].encode()) + len(content) - len(text.encode())
        raise InputError(
            f"{path} is no JSON: {error.msg} at line {error.lineno}, column {error.colno}"
            f" (byte {byte} of {len(content)})"
        ) from None
    except (RecursionError, ValueError):
        raise InputError(
            f"{path} is no COCO file: nested too deeply, or a number with too many digits"
        ) from None


def _quoted(keys: list[str] | tuple[str, ...]) -> str:
    return ", ".join(repr(key) for key in keys)
