"""YAML, JSON and CSV from people and files: what is not plain data is an error of one line.

All YAML and CSV of a user and all our records are read here. The libraries accept more than a
benchmark should: a key that is given twice, of which one is dropped; dates, which JSON does not
have; a few lines of aliases that stand for billions of values.
"""

import csv
import io
import json
import math
import re
from collections.abc import Iterator
from typing import Any

MOST_YAML = 1 << 20  # characters; the longest file of this project has 20,000
MOST_DEPTH = 50  # levels of nesting
MOST_VALUES = 100_000  # values of a YAML text after its aliases are written out
MOST_BITS = 64  # of a whole number
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
TAG = "tag:yaml.org,2002:"


def parse_yaml(text: str) -> Any:
    """Returns the content of a YAML text: mappings with texts as keys, lists, texts and numbers.

    Raises:
        ValueError: In one line, with the number of the line of the text: if it is not valid YAML,
            gives a key twice, has a date, a tag, an infinite number or a character that cannot be
            shown, or is too large or too deep.
    """
    import yaml  # here, because the losses and the evaluation work without it

    if len(text) > MOST_YAML:
        raise ValueError(f"{len(text):,} characters; this is not a settings file")
    _no_odd_characters(text, "")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _check_events(yaml, text, loader)
        reader = loader(text)
        try:
            node = reader.get_single_node()
            if node is None:
                return None
            _check_nodes(yaml, node)
            return reader.construct_document(node)
        finally:
            reader.dispose()
    except yaml.YAMLError as error:
        raise ValueError(f"not valid YAML: {_of_yaml(error)}") from None
    except (ArithmeticError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"not valid YAML: {' '.join(str(error).split())}") from None


def _of_yaml(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or " ".join(str(error).split())
    return f"line {mark.line + 1}: {problem}" if mark else str(problem)


def _check_events(yaml: Any, text: str, loader: Any) -> None:
    """Counts depth and values before anything is built, so that this takes no memory."""
    sizes: dict[str, int] = {}  # anchor to the number of values behind it
    open_: list[tuple[str | None, int]] = []  # anchors of the levels, and the count at their start
    count = 0
    for event in yaml.parse(text, Loader=loader):
        line = event.start_mark.line + 1
        tag = getattr(event, "tag", None)
        if tag not in (None, TAG + "str"):
            raise ValueError(f"line {line}: found the tag {_short(tag)}; write a plain value")
        if isinstance(event, yaml.AliasEvent):
            if event.anchor in [anchor for anchor, _ in open_]:
                raise ValueError(f"line {line}: *{event.anchor} is inside &{event.anchor} itself")
            count += sizes.get(event.anchor, 1)
        elif isinstance(event, yaml.ScalarEvent):
            count += 1
            if event.anchor:
                sizes[event.anchor] = 1
        elif isinstance(event, yaml.CollectionStartEvent):
            count += 1
            open_.append((event.anchor, count - 1))
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_.pop()
            if anchor:
                sizes[anchor] = count - before
        if len(open_) > MOST_DEPTH:
            raise ValueError(f"line {line}: more than {MOST_DEPTH} levels of nesting")
        if count > MOST_VALUES:
            raise ValueError(f"line {line}: more than {MOST_VALUES:,} values, aliases written out")


def _check_nodes(yaml: Any, root: Any) -> None:
    """Checks keys and values with the types that YAML gives them."""
    for node in _nodes(yaml, root):
        if isinstance(node, yaml.MappingNode):
            _check_keys(yaml, node)
        elif isinstance(node, yaml.ScalarNode):
            _check_scalar(node)


def _nodes(yaml: Any, root: Any) -> Iterator[Any]:
    seen, waiting = set(), [root]
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        yield node
        if isinstance(node, yaml.MappingNode):
            waiting += [part for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            waiting += node.value


def _check_keys(yaml: Any, node: Any) -> None:
    lines: dict[str, int] = {}
    for key, _ in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise ValueError(f"line {line}: a key must be a text, found a list or a mapping")
        if key.tag not in (TAG + "str", TAG + "merge"):
            raise ValueError(f"line {line}: a key must be a text; write {key.value!r} in quotes")
        if key.value in lines:
            raise ValueError(
                f"line {line}: key {_short(key.value)} is given twice, first in line "
                f"{lines[key.value]}; remove one"
            )
        lines[key.value] = line


def _check_scalar(node: Any) -> None:
    kind, value, line = node.tag.removeprefix(TAG), node.value, node.start_mark.line + 1
    if kind == "timestamp":
        raise ValueError(f"line {line}: found the date {value}; write it in quotes")
    if kind in ("int", "float") and ":" in value:
        raise ValueError(
            f"line {line}: YAML reads {value} as a number of base 60; write a plain number"
        )
    digits = value.lstrip("+-").replace("_", "")
    if kind == "int" and digits[:1] == "0" and digits.isdecimal() and len(digits) > 1:
        raise ValueError(f"line {line}: YAML reads {value} as octal; write it without leading 0")
    if kind == "int" and len(digits) > MOST_BITS + 2:
        raise ValueError(f"line {line}: a number of {len(digits)} digits; it must fit in 64 bits")
    if kind == "int" and abs(int(digits, 0)).bit_length() > MOST_BITS:
        raise ValueError(f"line {line}: found {_short(value)}; a number must fit in 64 bits")
    if kind == "float" and ((digits[:1] == "." and digits[1:].isalpha()) or _infinite(digits)):
        raise ValueError(f"line {line}: found {value}; numbers must be finite")
    if kind == "str":
        _no_odd_characters(value, f"line {line}: ")


def _infinite(digits: str) -> bool:
    try:
        return not math.isfinite(float(digits))
    except ValueError:
        return False


def parse_json(text: str) -> Any:
    """Returns the content of a JSON text of moderate size: a record, not a million detections.

    Raises:
        ValueError: In one line: if it is not valid JSON, gives a key twice, or has NaN, an infinite
            number, a whole number of more than 64 bits or half of a character.
    """
    if text.startswith("\ufeff"):
        raise ValueError("it begins with a byte order mark; save it as UTF-8 without one")
    try:
        found = json.loads(text, object_pairs_hook=without_twins, parse_int=_whole)
    except RecursionError:
        raise ValueError("nested too deep") from None
    check_plain(found)
    return found


def without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Returns a JSON object from its keys and values, for `json.loads(object_pairs_hook=)`.

    Raises:
        ValueError: In one line, if a key is given twice: Python would drop one of the values.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"key {_short(twice)} is given twice")
    return found


def _whole(text: str) -> int:
    if len(text) > 20 or abs(number := int(text)).bit_length() > MOST_BITS:
        raise ValueError(f"found {_short(text)}; a number must fit in 64 bits")
    return number


def check_plain(root: Any) -> None:
    """Checks values that another reader has made, such as the literals of a Python file.

    Raises:
        ValueError: In one line, with the place: an infinite number, a whole number of more than 64
            bits, or a character that cannot be shown.
    """
    waiting: list[tuple[str, Any]] = [("", root)]
    while waiting:
        place, value = waiting.pop()
        where = f"{place}: " if place else ""
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{where}found {value}; numbers must be finite")
        if isinstance(value, int) and value.bit_length() > MOST_BITS:
            raise ValueError(f"{where}a number must fit in 64 bits")
        if isinstance(value, str):
            _no_odd_characters(value, where)
        elif isinstance(value, dict):
            for key, inner in value.items():
                _no_odd_characters(str(key), where)
                waiting.append((f"{place}.{key}" if place else str(key), inner))
        elif isinstance(value, list | tuple):
            waiting += [(f"{place}[{index}]", inner) for index, inner in enumerate(value)]


def parse_csv(text: str) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Returns the names of the columns, and each row as the number of its line and its cells.

    A byte order mark at the beginning, as spreadsheets write it, is skipped.

    Raises:
        ValueError: One line, with the number of the line in the file. The header is missing, the
            name of a column is missing or is there twice, a row has too few or too many cells, a
            quote does not end, or a character cannot be shown.
    """
    text = text.removeprefix("\ufeff")
    for number, line in enumerate(text.split("\n"), start=1):
        _no_odd_characters(line, f"line {number}: ")
    reader = csv.reader(io.StringIO(text), strict=True)
    try:
        header = next(reader, [])
        if problem := _header_problem(header):
            raise ValueError(f"line 1: {problem}")
        rows = []
        for cells in reader:
            if len(cells) != len(header):
                raise ValueError(
                    f"line {reader.line_num}: {len(cells)} cells, expected {len(header)}"
                )
            rows.append((reader.line_num, dict(zip(header, cells, strict=True))))
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: {error}") from None
    return header, rows


def _header_problem(header: list[str]) -> str | None:
    if not header:
        return "no names of columns"
    if not all(header):
        return f"column {header.index('') + 1} has no name"
    twice = next((name for name in header if header.count(name) > 1), None)
    return None if twice is None else f"column {_short(twice)} occurs twice"


def parse_number(text: str) -> float:
    """Returns the number of a cell: in ASCII digits, finite, without `_` between them.

    Raises:
        ValueError: In one line, if it is anything else; `float` accepts `1_0` and `nan`, too.
    """
    value = float(text) if NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(value):
        raise ValueError(f"found {_short(text)}, not a number")
    return value


def _no_odd_characters(text: str, where: str) -> None:
    """Refuses what cannot be written as UTF-8, and codes that change a terminal."""
    if text.isascii() and text.isprintable():
        return
    for character in text:
        code = ord(character)
        control = (code < 32 and character not in "\n\r\t") or 127 <= code < 160
        if 0xD800 <= code < 0xE000 or (control and code != 0x85):
            raise ValueError(f"{where}found the character U+{code:04X}, which cannot be shown")


def _short(value: str) -> str:
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
