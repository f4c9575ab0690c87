"""Reads an annotation file in COCO's format."""

import json
from pathlib import Path
from typing import Any

from rankdet.errors import InputError, entry

LISTS = ("images", "annotations", "categories")


def read(path: Path, *, annotated: bool = True) -> dict[str, Any]:
    """Returns the parsed file. `images`, `annotations` and `categories` are lists of objects.

    Args:
        path: the file.
        annotated: False accepts a file without `annotations`, such as COCO's image info of
            test-dev; the key is then missing.

    Raises:
        InputError: the file does not exist, is not JSON (the message has line and byte), or does
            not have COCO annotations.
    """
    data = _parse(path, _content(path))
    if isinstance(data, list):
        raise InputError(
            f"{path} is a list, not an object with {_quoted(LISTS)} (is it a file of detections?);"
            " give COCO annotations"
        )
    if not isinstance(data, dict):
        raise InputError(f"{path} is {data!r:.30}, not an object with {_quoted(LISTS)}")
    lists = LISTS if annotated or "annotations" in data else ("images", "categories")
    missing = [key for key in lists if key not in data]
    if missing:
        found = _quoted(list(data)[:6]) if data else "nothing"
        raise InputError(f"{path} has no {_quoted(missing)} (found: {found}): not COCO annotations")
    for key in lists:
        if not isinstance(data[key], list):
            raise InputError(f"{path}: {key!r} is {data[key]!r:.30}; it must be a list")
        for position, one in enumerate(data[key]):
            if not isinstance(one, dict):
                raise InputError(
                    f"{path}: {entry(position)} of {key!r} is {one!r:.30}; it must be an object"
                )
    return data


def _content(path: Path) -> bytes:
    if path.is_dir():
        raise InputError(f"{path} is a folder; give the annotation file (JSON)")
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
        gzip = content[:2] == b"\x1f\x8b"
        kind = "it is compressed with gzip: unpack it first" if gzip else "it is not a text file"
        raise InputError(f"{path} is not JSON: byte {error.start} is not UTF-8 ({kind})") from None
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        byte = len(text[: error.pos].encode()) + len(content) - len(text.encode())
        raise InputError(
            f"{path} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
            f" (byte {byte} of {len(content)})"
        ) from None
    except (RecursionError, ValueError):
        raise InputError(
            f"{path} is not a COCO file: it is nested too deeply, or a number has too many digits"
        ) from None


def _quoted(keys: list[str] | tuple[str, ...]) -> str:
    return ", ".join(repr(key) for key in keys)
