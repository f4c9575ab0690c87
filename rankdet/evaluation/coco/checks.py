"""Vectorised checks of the fields of COCO files; a failure is an `InputError` of one line."""

from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rankdet.errors import InputError, counted, entry
from rankdet.evaluation.coco import ids

LARGEST = 1e100  # of scores and boxes: sums and products of larger numbers may be infinite
LARGEST_SIDE = 2**31 - 1  # of images, in pixels; hotcoco accepts no larger ones
Entries = Sequence[Mapping[str, Any]]


def integers(
    entries: Entries, key: str, path: Path, what: str, start: int = 0
) -> NDArray[np.int64]:
    """Returns the integers of `key`; `start` is the position of the first entry in its file."""
    values = _values(entries, key, path, what, start)
    if set(map(type, values)) <= {int}:
        try:
            return np.array(values, dtype=np.int64)
        except OverflowError:
            pass
    for i, value in enumerate(values):
        if not _whole(value):
            raise InputError(
                f"{path}: {entry(start + i, what=what)} has {key!r} {shown(value)}; "
                "ids must be whole numbers of 64 bits (less than 2^63)"
            )
    return np.array([int(v) for v in values], dtype=np.int64)


def sizes(images: Entries, path: Path) -> NDArray[np.int64]:
    """Returns the images' heights and widths (I, 2), 0 where they are not given."""
    found = [im.get(key) or 0 for im in images for key in ("height", "width")]
    for i, value in enumerate(found):
        if not _whole(value) or not 0 <= value <= LARGEST_SIDE:
            key = ("height", "width")[i % 2]
            raise InputError(
                f"{path}: {entry(i // 2, what='image')} has {key!r} {shown(value)}; needed: pixels"
            )
    return np.array([int(v) for v in found], dtype=np.int64).reshape(-1, 2)


def _whole(value: Any) -> bool:
    """Returns whether a value is a whole number of 64 bits, and has all its digits."""
    if isinstance(value, float):
        return abs(value) < 2**53 and value == int(value)
    return isinstance(value, int) and not isinstance(value, bool) and ids.fits(value)


def scores(entries: Entries, path: Path, start: int = 0) -> NDArray[np.float64]:
    """Returns the detections' scores (D,), all finite."""
    array = _numbers(_values(entries, "score", path, "detection", start), path, "score", start)
    check_scores(array, path, start)
    return array


def check_scores(array: NDArray[np.float64], path: Path, start: int = 0) -> None:
    """Raises an `InputError` unless all scores are finite, and so are their sums and squares."""
    _stop_if(~np.isfinite(array), array, path, "score", "NaN or infinite", start)
    _stop_if(np.abs(array) > LARGEST, array, path, "score", "beyond 1e100", start)


def boxes(
    entries: Entries, path: Path, what: str, required: bool, start: int = 0
) -> NDArray[np.float64]:
    """Returns boxes (N, 4) as x, y, width, height; zeros for missing ones unless `required`."""
    values: list[Any] = [e.get("bbox") for e in entries]
    if not required:
        values = [v if v else [0.0, 0.0, 0.0, 0.0] for v in values]
    if not (set(map(type, values)) <= {list} and set(map(len, values)) <= {4}):
        i, value = next((i, v) for i, v in enumerate(values) if type(v) is not list or len(v) != 4)
        raise InputError(
            f"{path}: {entry(start + i, what=what)} has 'bbox' {shown(value)}; "
            "needed: [x, y, width, height]"
        )
    flat = list(chain.from_iterable(values))
    array = _numbers(flat, path, "bbox", start, 4).reshape(-1, 4)
    check_boxes(array, path, what, start)
    return array


def check_boxes(array: NDArray[np.float64], path: Path, what: str, start: int = 0) -> None:
    """Raises an `InputError` unless boxes (N, 4) and their areas are finite, sizes not negative."""
    with np.errstate(over="ignore"):  # a sum of four is fast, but may be too large
        bad = ~np.isfinite(array.sum(axis=1))
    if bad.any():
        bad = ~np.isfinite(array).all(axis=1)
    _stop_if(bad, array, path, "bbox", f"NaN or infinite in {what}s", start)
    far = np.abs(array).max(axis=1, initial=0) > LARGEST
    _stop_if(far, array, path, "bbox", "beyond 1e100", start)
    negative = (array[:, 2] < 0) | (array[:, 3] < 0)
    _stop_if(negative, array, path, "bbox", f"of negative size in {what}s", start)


def areas(values: list[Any], path: Path) -> NDArray[np.float64]:
    """Returns the annotations' areas (G,), finite and not negative."""
    array = _numbers(
        [float(v) if isinstance(v, np.floating) else v for v in values], path, "area", 0
    )
    _stop_if(~(np.isfinite(array) & (array >= 0)), array, path, "area", "NaN or negative", 0)
    return array


def unique(ids: NDArray[np.int64], path: Path, what: str) -> NDArray[np.int64]:
    """Returns `ids`; raises an `InputError` if one occurs more than once."""
    found, counts = np.unique(ids, return_counts=True)
    twice = found[counts > 1]
    if len(twice):
        raise InputError(
            f"{path}: {counted(len(twice), f'{what} id occurs', f'{what} ids occur')} more than "
            f"once ({three(twice)}); "
            f"each {what} needs a unique id"
        )
    return ids


def positions(
    known: NDArray[np.int64], ids: NDArray[np.int64], path: Path, what: str
) -> NDArray[np.int64]:
    """Returns the position of each of `ids` in the ascending `known`."""
    missing = ids[~is_known(known, ids)]
    if len(missing):
        raise InputError(
            f"{path}: {counted(len(missing), 'annotation has', 'annotations have')} an unknown "
            f"{what} ({three(missing)}); add it to the file's list, or drop the annotation"
        )
    return np.searchsorted(known, ids)


def is_known(known: NDArray[np.int64], ids: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Returns for each of `ids` whether it is in the ascending `known`."""
    if len(known) == 0:
        return np.zeros(len(ids), dtype=bool)
    if _in_a_row(known):
        return np.asarray((ids >= known[0]) & (ids <= known[-1]))
    place = np.minimum(np.searchsorted(known, ids), len(known) - 1)
    return known[place] == ids


def places(known: NDArray[np.int64], ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Returns the position of each of `ids`, all known, in the ascending `known`."""
    return ids - known[0] if _in_a_row(known) else np.searchsorted(known, ids)


def _in_a_row(known: NDArray[np.int64]) -> bool:
    """Whether ids are k, k + 1, k + 2, ...: then nothing need be searched."""
    return len(known) > 0 and int(known[-1]) - int(known[0]) == len(known) - 1


def report_unknown(
    path: Path, what: str, unknown: NDArray[np.int64], ignore: bool, notes: list[str]
) -> None:
    """Raises an `InputError` for detections with unknown ids; with `ignore` adds a note instead."""
    if len(unknown) == 0:
        return
    line = (
        f"{counted(len(unknown), 'detection has', 'detections have')} {what} that are not in the "
        f"ground truth ({three(np.unique(unknown))})"
    )
    if not ignore:
        raise InputError(
            f"{path}: {line}; do both files belong to the same data? "
            "--ignore-unknown leaves them out"
        )
    notes.append(f"{line}: left out")


def three(values: NDArray[Any] | Sequence[Any]) -> str:
    """Returns up to three values as text, with dots where there are more."""
    return ", ".join(str(v) for v in list(values)[:3]) + (", ..." if len(values) > 3 else "")


def shown(value: Any) -> str:
    """Returns a value as short text."""
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _values(entries: Entries, key: str, path: Path, what: str, start: int) -> list[Any]:
    try:
        return [e[key] for e in entries]
    except (KeyError, TypeError):
        lacking = [
            start + i for i, e in enumerate(entries) if not isinstance(e, Mapping) or key not in e
        ]
        raise InputError(
            f"{path}: {counted(len(lacking), f'{what} has', f'{what}s have')} no {key!r}: "
            f"{entry(*lacking)}; add it"
        ) from None


def _numbers(
    values: list[Any], path: Path, key: str, start: int, width: int = 1
) -> NDArray[np.float64]:
    """Returns plain numbers as an array; each entry of the file has `width` of them."""
    if set(map(type, values)) <= {float, int}:
        try:
            return np.array(values, dtype=np.float64)
        except OverflowError:
            pass
    for i, value in enumerate(values):
        if type(value) not in (float, int) or (type(value) is int and abs(value) > 2**1000):
            raise InputError(
                f"{path}: {entry(start + i // width)} has {shown(value)} in {key!r}; "
                "needed: numbers"
            )
    return np.array(values, dtype=np.float64)


def _stop_if(
    bad: NDArray[np.bool_], values: NDArray[np.float64], path: Path, key: str, why: str, start: int
) -> None:
    at = np.flatnonzero(bad)
    if len(at):
        raise InputError(
            f"{path}: {counted(len(at), f'value of {key!r} is', f'values of {key!r} are')} {why} "
            f"(first: {entry(start + int(at[0]))}, {shown(values[at[0]].tolist())}); correct or "
            "drop them"
        )
