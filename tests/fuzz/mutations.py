"""Broken input from fixed seeds: values, texts and bytes that people and disks produce."""

import copy
import csv
import io
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

DEEP: Any = []
for _ in range(200):
    DEEP = [DEEP]
LONG = "x" * 5000
VALUES: tuple[Any, ...] = (
    *(None, True, False, "", " ", "[b]", "[/b]", "{x}", "%s", "../..", "/", "a\x00b", "\x1b[31m"),
    *("é", "🙂", "\n", "\t", LONG, "nan", "inf", "1", "1e3", "2026-01-02", "null", "plan.json"),
    *(-1, 0, 1, 2, 255, 2**31, 2**32, 2**53 + 1, 2**63, 2**64, 10**30, -(2**63) - 1),
    *(0.5, -0.0, 1e-320, 1e308, -1e308, 1.5),
    *([], {}, [[]], [None], {"a": 1}, {"": ""}, [1, 2], [0.5, "x"], DEEP, [1] * 500),
)
# What no reader may accept in any place: other programs cannot read it, or read it otherwise.
NEVER: tuple[Any, ...] = (float("nan"), float("inf"), -float("inf"), 10**400, "\ud800")
YAML_SNIPPETS = (
    "x: !!python/object/apply:os.system [echo]\n",
    "x: !!binary aGVsbG8=\n",
    "x: 2026-01-02\n",
    "x: &x [*x]\n",
    "? [a, b]\n: 1\n",
    "x: 1:30\n",
    "yes: 1\n",
    "x: {a: 1, a: 2}\n",
    "<<: 3\n",
    "---\nx: 1\n",
    "x: [\n",
    "\tx: 1\n",
    "x: " + "[" * 2000 + "\n",
    "b0: &b0 [x, x]\n" + "".join(f"b{i}: &b{i} [*b{i - 1}, *b{i - 1}]\n" for i in range(1, 40)),
)


@dataclass(frozen=True)
class Broken:
    """One broken input.

    Attributes:
        content: The bytes of the file.
        what: How it was broken, for a message.
        never: Whether accepting it is a fault.
    """

    content: bytes
    what: str
    never: bool = False


def places(data: Any, path: tuple = ()) -> Iterator[tuple]:
    """Yields the path of every value in nested lists and dicts, the root first."""
    yield path
    inner = enumerate(data) if isinstance(data, list) else ()
    inner = data.items() if isinstance(data, dict) else inner
    for key, value in inner:
        yield from places(value, (*path, key))


def replaced(data: Any, path: tuple, value: Any) -> Any:
    """Returns a copy with another value at a path."""
    if not path:
        return value
    data = copy.deepcopy(data)
    inner = data
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return data


def without(data: Any, path: tuple) -> Any:
    """Returns a copy without the value at a path; the whole if the path is empty."""
    data = copy.deepcopy(data)
    inner = data
    for key in path[:-1]:
        inner = inner[key]
    if path:
        del inner[path[-1]]
    return data


def renamed(data: Any, path: tuple, key: str) -> Any:
    """Returns a copy in which a key of a dict has another name, or the value if it is in a list."""
    if not path or not isinstance(path[-1], str):
        return replaced(data, path, key)
    data = copy.deepcopy(data)
    inner = data
    for part in path[:-1]:
        inner = inner[part]
    inner[key] = inner.pop(path[-1])
    return data


def broken_data(rng: random.Random, data: Any) -> tuple[Any, str, bool]:
    """Returns data with one to three changes, what was done, and whether it is never right."""
    said, never = [], False
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        path = rng.choice(list(places(data)))
        kind = rng.random()
        if kind < 0.15:
            data = without(data, path)
            said.append(f"no {path}")
        elif kind < 0.25:
            word = rng.choice(("", "x", "title", "[b]", "é", "a b", "..", "NaN"))
            data = renamed(data, path, word)
            said.append(f"{path} is called {word!r}")
        elif kind < 0.3:
            other = rng.choice(list(places(data)))
            value = data
            for key in other:
                value = value[key]
            data = replaced(data, path, copy.deepcopy(value))
            said.append(f"{path} is {other}")
        elif kind < 0.4:
            value = rng.choice(NEVER)
            data, never = replaced(data, path, value), True
            said.append(f"{path} = {ascii(value)[:40]}")
        else:
            value = rng.choice(VALUES)
            data = replaced(data, path, copy.deepcopy(value))
            said.append(f"{path} = {value!r:.40}")
    return data, "; ".join(said), never and len(said) == 1


def broken_bytes(rng: random.Random, content: bytes) -> Broken:
    """Returns bytes that a disk, an editor or a transfer has damaged."""
    kind = rng.choice(
        ("cut", "flip", "zeros", "twice", "empty", "latin", "utf16", "insert", "swap")
    )
    at = rng.randrange(len(content) + 1)
    if kind == "cut":
        return Broken(content[:at], f"cut at {at}")
    if kind == "flip":
        changed = bytearray(content)
        for _ in range(rng.choice((1, 8, 64))):
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
        return Broken(bytes(changed), "flipped bits")
    if kind == "zeros":
        return Broken(content[:at] + bytes(min(512, len(content) - at)), f"zeros at {at}")
    if kind == "twice":
        return Broken(content + content, "written twice")
    if kind == "empty":
        return Broken(b"", "empty")
    if kind == "latin":
        return Broken(content[:at] + "é".encode("latin-1") + content[at:], f"Latin-1 at {at}")
    if kind == "utf16":
        return Broken(content.decode("utf-8", "replace").encode("utf-16"), "UTF-16")
    if kind == "insert":
        junk = rng.choice((b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"{", b"]", b'"', b"\\", b"\r"))
        return Broken(content[:at] + junk + content[at:], f"{junk!r} at {at}")
    lines = content.splitlines(keepends=True)
    rng.shuffle(lines)
    return Broken(b"".join(lines), "lines in another order")


def broken_json(rng: random.Random, data: Any) -> Broken:
    """Returns a JSON text with broken values, or with damaged bytes."""
    if rng.random() < 0.25:
        return broken_bytes(rng, json.dumps(data, indent=1).encode())
    changed, what, never = broken_data(rng, data)
    return Broken(json.dumps(changed).encode(), what, never)


def broken_yaml(rng: random.Random, data: Any) -> Broken:
    """Returns a YAML text with broken values, a snippet, a key given twice, or damaged bytes."""
    kind = rng.random()
    text = yaml.safe_dump(data, sort_keys=False)
    if kind < 0.15:
        return broken_bytes(rng, text.encode())
    if kind < 0.25:
        snippet = rng.choice(YAML_SNIPPETS)
        return Broken((text + snippet).encode(), f"ends in {snippet[:30]!r}", True)
    if kind < 0.35 and isinstance(data, dict):
        key = rng.choice(list(data))
        again = yaml.safe_dump({key: rng.choice(list(data.values()))}, sort_keys=False)
        return Broken((again + text).encode(), f"key {key!r} twice", True)
    changed, what, never = broken_data(rng, data)
    try:
        dumped = yaml.safe_dump(changed, sort_keys=False, allow_unicode=True).encode()
    except UnicodeEncodeError:
        dumped = yaml.safe_dump(changed, sort_keys=False).encode()
    return Broken(dumped, what, never)


ODD_CELLS = ("nan", "inf", "1e999", "x", "[b]", "\x00", "١", "1_0", " ", "0x1", "--1")
CELLS = ("", "-1", '"', '"\n"', "1,2", "é", LONG, *ODD_CELLS)


def broken_csv(rng: random.Random, text: str, texts: Sequence[str] = ()) -> Broken:
    """Returns a CSV with broken cells, rows or columns, or with damaged bytes.

    Args:
        rng: The source of the choices.
        text: A valid CSV.
        texts: Names of the columns whose cells are texts. A cell of another column that is no
            number may not be accepted, nor a row with another number of cells.
    """
    if rng.random() < 0.3:
        return broken_bytes(rng, text.encode())
    lines = list(csv.reader(io.StringIO(text)))
    names = list(lines[0])
    lines = [[_quoted(cell) for cell in cells] for cells in lines]
    row = rng.randrange(len(lines))
    column = rng.randrange(len(lines[row]))
    kind = rng.choice(("cell", "cell", "cell", "drop", "add", "double", "remove"))
    what, never = f"{kind} at {row}, {column}", kind in ("drop", "add")
    if kind == "cell":
        cell = rng.choice(CELLS)
        never = row > 0 and cell in ODD_CELLS and names[column] not in texts
        lines[row][column] = cell
        what += f": {cell!r:.40}"
    elif kind == "drop":
        del lines[row][column]
    elif kind == "add":
        lines[row].insert(column, "7")
    elif kind == "double":
        lines.insert(row, list(lines[row]))
    else:
        del lines[row]
    return Broken("\n".join(",".join(cells) for cells in lines).encode(), what, never)


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if set(cell) & set(',"\n') else cell
