"""Reads detections fast: pyarrow's JSON parser writes directly into columns.

It accepts only files of the usual form and returns None for others. The plain reader
(`rankdet.evaluation.coco.json_stream`) then reads the file or reports the problem.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rankdet.evaluation.coco.json_rows import form_of, rows

BLOCK = 64 * 2**20  # bytes parsed at a time: bounds the memory
_ARROW_BLOCK = 4 * 2**20  # bytes that Arrow parses at a time; more than one detection has
_NO_BREAKS = bytes.maketrans(b"\r\n", b"  ")
_BETWEEN_OBJECTS = re.compile(rb"\}\s*,\s*(?=\{)")


@dataclass(frozen=True)
class Columns:
    """The fields of every detection, in the order of the file.

    Attributes:
        image_id: (D,).
        category_id: (D,).
        score: (D,).
        boxes: (D, 4) x, y, width, height.
    """

    image_id: NDArray[np.int64]
    category_id: NDArray[np.int64]
    score: NDArray[np.float64]
    boxes: NDArray[np.float64]


def read_columns(path: Path, block: int = BLOCK) -> Columns | None:
    """Returns the columns of a list of detections with boxes; None if it has an unusual form.

    Args:
        path: a file that should hold one JSON list.
        block: bytes parsed at a time.
    """
    parts: list[tuple[NDArray[Any], ...]] = []
    try:
        with path.open("rb") as file:
            rest = file.read(block).lstrip()
            if not rest.startswith(b"["):
                return None
            rest = rest[1:].lstrip()
            while more := file.read(block):
                piece, rest = _cut(rest)
                rest += more
                if piece and not _parse(piece, parts):
                    return None
    except OSError:
        return None
    rest = rest.rstrip()
    if not rest.endswith(b"]"):
        return None
    rest = rest[:-1].strip()
    if (rest or parts) and not _parse(rest, parts):
        return None
    if not parts:
        return Columns(np.zeros(0, int), np.zeros(0, int), np.zeros(0), np.zeros((0, 4)))
    pieces = [list(column) for column in zip(*parts, strict=True)]
    parts.clear()
    # One after another: only one column is twice in memory.
    image_id, category_id, score, boxes = (np.concatenate(pieces.pop(0)) for _ in range(4))
    return Columns(image_id, category_id, score, boxes)


def _cut(text: bytes) -> tuple[bytes, bytes]:
    """Splits `text` before its last object; the first part is empty if that is not possible."""
    end = len(text)
    while (end := text.rfind(b"}", 0, end)) >= 0:
        if found := _BETWEEN_OBJECTS.match(text, end):
            return text[: end + 1], text[found.end() :]
    return b"", text


def _parse(objects: bytes, parts: list[tuple[NDArray[Any], ...]]) -> bool:
    """Appends the columns of `{...}, {...}`; returns whether they have the usual form."""
    if not (objects.startswith(b"{") and objects.endswith(b"}")):
        return False  # a null at the start would crash pyarrow and the process
    # JSON strings have no raw line breaks, so these can be removed.
    plain = objects.translate(_NO_BREAKS) if b"\n" in objects or b"\r" in objects else objects
    form = form_of(plain)
    found = rows(plain, form) if form else None
    if found is not None:
        boxes = np.column_stack([found[f"bbox{i}"] for i in range(4)])
        parts.append((found["image_id"], found["category_id"], found["score"], boxes))
        return True
    return _parse_objects(plain, parts)


def _parse_objects(lines: bytes, parts: list[tuple[NDArray[Any], ...]]) -> bool:
    """Does the same for detections with different names or orders of names."""
    import pyarrow as pa
    from pyarrow import json as arrow_json

    # One object per line.
    count = lines.count(b"}, {")
    if count:  # the separator that Python writes; others need the slower expression
        lines = lines.replace(b"}, {", b"}\n{")
    else:
        lines, count = _BETWEEN_OBJECTS.subn(b"}\n", lines)
    schema = pa.schema(
        {
            "image_id": pa.int64(),
            "category_id": pa.int64(),
            "score": pa.float64(),
            "bbox": pa.list_(pa.float64()),
        }
    )
    options = arrow_json.ParseOptions(
        explicit_schema=schema, unexpected_field_behavior="ignore", newlines_in_values=False
    )
    # One thread: starting several costs more processor time than parsing half a million detections.
    reading = arrow_json.ReadOptions(use_threads=False, block_size=_ARROW_BLOCK)
    try:
        table = arrow_json.read_json(pa.BufferReader(lines), reading, options)
    except pa.ArrowMemoryError:
        raise
    except pa.ArrowException:
        return False
    # Arrow also accepts objects without commas between them: then there are more rows than commas.
    if table.num_rows != count + 1 or any(table[name].null_count for name in schema.names):
        return False
    boxes = table["bbox"].combine_chunks()
    ends = boxes.offsets.to_numpy()
    values = boxes.values.slice(ends[0], ends[-1] - ends[0])
    if (np.diff(ends) != 4).any() or values.null_count:
        return False
    parts.append(
        (
            table["image_id"].to_numpy(),
            table["category_id"].to_numpy(),
            table["score"].to_numpy(),
            values.to_numpy().reshape(-1, 4),
        )
    )
    return True
