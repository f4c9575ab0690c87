"""Reads JSON files, lists block by block; each kind of damaged file has its own clear message."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rankdet.errors import InputError
from rankdet.parsing import without_twins

BLOCK = 16 * 2**20  # characters read at a time: bounds the memory that parsed objects take
_BETWEEN_OBJECTS = re.compile(r"\}\s*,\s*(?=\{)")
_SPACE = " \t\r\n"


def read_json(path: Path | str) -> Any:
    """Returns the content of a JSON file.

    Raises:
        InputError: the file is missing, unreadable, empty, cut off or not JSON.
    """
    path = Path(path)
    text = _text(path)
    try:
        return json.loads(text, object_pairs_hook=_reader(path))
    except InputError:
        raise
    except json.JSONDecodeError as error:
        raise InputError(_what_is_wrong(path, error)) from None
    except RecursionError:
        raise InputError(f"{path}: is nested too deeply for detections or annotations") from None
    except ValueError:  # Python reads no whole number of more than 4,300 digits
        raise InputError(f"{path}: a number has too many digits; ids have 64 bits") from None


def read_json_list(path: Path | str, block: int = BLOCK) -> Iterator[list[dict[str, Any]]]:
    """Yields the objects of a JSON list in blocks, so that a large file needs little memory.

    Args:
        path: a file that holds one JSON list of objects.
        block: characters read at a time.

    Raises:
        InputError: as `read_json`, or the file is not a list of objects.
    """
    path = Path(path)
    try:
        with path.open(encoding="utf-8-sig") as file:
            yield from _blocks(path, file, block)
    except OSError as error:
        raise InputError(_cannot_read(path, error)) from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not a text file, so not JSON; is it compressed?") from None


def check_end(path: Path, size: int = 4 * BLOCK) -> None:
    """Reports a large list that is cut off before the parsing, which takes minutes.

    Args:
        path: the file.
        size: smaller files (in bytes) are not checked, because the parser reports the position.

    Raises:
        InputError: the file begins as a list and does not end as one.
    """
    try:
        with path.open("rb") as file:
            length = path.stat().st_size
            if length < size or not file.read(64).lstrip().startswith(b"["):
                return
            file.seek(-min(length, 4096), 2)
            if not file.read().rstrip().endswith(b"]"):
                raise InputError(
                    f"{path}: does not end with ']' after {length} bytes: it is cut off, "
                    "or something follows the list; write or copy it again"
                )
    except OSError as error:
        raise InputError(_cannot_read(path, error)) from None


def _blocks(path: Path, file: Any, block: int) -> Iterator[list[dict[str, Any]]]:
    rest = file.read(block).lstrip(_SPACE)
    if not rest.startswith("["):
        # Either not a list or not JSON: parse the whole file to find out.
        data = read_json(path)
        raise InputError(
            f"{path}: holds {kind(data)} where a JSON list of detections is needed"
            + (" (its entry 'annotations'?)" if isinstance(data, dict) else "")
        )
    rest = rest[1:]
    while more := file.read(block):
        # The text is cut between two objects. A `}, {` inside an object (COCO has no such field)
        # makes the piece invalid; then more text is added to it.
        cut = _last_boundary(rest)
        objects = _parse(path, f"[{rest[: cut.start() + 1]}]") if cut else None
        if cut is None or objects is None:
            rest += more
            continue
        yield _all_objects(path, objects)
        rest = rest[cut.end() :] + more
    objects = _parse(path, "[" + rest)
    if objects is None:
        read_json(path)  # raises an error with the position
        raise InputError(f"{path}: is not a JSON list of detections")
    yield _all_objects(path, objects)


def _last_boundary(text: str) -> re.Match[str] | None:
    end = len(text)
    while (end := text.rfind("}", 0, end)) >= 0:
        if found := _BETWEEN_OBJECTS.match(text, end):
            return found
    return None


def _reader(path: Path) -> Callable[[list[tuple[str, Any]]], dict[str, Any]]:
    """Returns what makes an object from its keys and values; a key that is there twice stops it."""

    def read(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        try:
            return without_twins(pairs)
        except ValueError as error:
            start = json.dumps(dict(pairs))[:60]
            raise InputError(f"{path}: {error} in one object ({start}...); remove one") from None

    return read


def _parse(path: Path, text: str) -> list[Any] | None:
    try:
        return list(json.loads(text, object_pairs_hook=_reader(path)))
    except InputError:
        raise
    except (ValueError, RecursionError):  # also a number of too many digits
        return None


def _all_objects(path: Path, objects: list[Any]) -> list[dict[str, Any]]:
    for entry in objects:
        if not isinstance(entry, dict):
            raise InputError(
                f"{path}: holds {kind(entry)} in its list where detections are objects"
            )
    return objects


def _text(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(_cannot_read(path, error)) from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not a text file, so not JSON; is it compressed?") from None
    except MemoryError:
        gigabytes = path.stat().st_size / 1e9
        raise InputError(
            f"{path}: {gigabytes:.1f} GB need about {6 * gigabytes:.0f} GB of memory, "
            "which is not available; split the file"
        ) from None
    return text


def _cannot_read(path: Path, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return f"{path}: no such file"
    return f"{path}: cannot be read ({error.strerror})"


def _what_is_wrong(path: Path, error: json.JSONDecodeError) -> str:
    if not error.doc.strip():
        return f"{path}: is empty ({len(error.doc)} bytes)"
    if error.pos >= len(error.doc.rstrip()) or error.msg.startswith("Unterminated"):
        return (
            f"{path}: is cut off after {len(error.doc)} characters (JSON ends too early); "
            "write or copy it again"
        )
    return f"{path}: is not JSON (line {error.lineno}, column {error.colno}: {error.msg})"


def kind(value: Any) -> str:
    """Returns the kind of a JSON value in words, for messages."""
    names = {dict: "an object", list: "a list", str: "a text", bool: "true/false"}
    if value is None:
        return "null"
    return names.get(type(value), "a number")
