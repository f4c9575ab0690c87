"""The points of a curve that are drawn: few of a long curve, two for each step."""

import numpy as np

from rankdet.charts.axis import Floats

MAX_POINTS = 300
STEPS = ("before", "middle")  # values of `Series.steps`


def thin(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Removes NaN, and averages a long curve into 300 bins; a short curve does not change."""
    keep = ~np.isnan(y)
    x, y = np.asarray(x, dtype=float)[keep], np.asarray(y, dtype=float)[keep]
    if len(x) <= 2 * MAX_POINTS:
        return x, y
    starts = np.linspace(0, len(x), MAX_POINTS + 1).astype(int)[:-1]
    sizes = np.diff([*starts, len(x)])
    return np.add.reduceat(x, starts) / sizes, np.add.reduceat(y, starts) / sizes


def steps_that_change(*values: Floats) -> np.ndarray:
    """Which points of a step curve are needed: those before a change of any value, and the last.

    Args:
        *values: (N,) values that hold from the previous x to their own.

    Returns:
        (N,) bools.
    """
    kept = np.ones(len(values[0]), dtype=bool)
    if len(kept):
        kept[:-1] = np.any([one[1:] != one[:-1] for one in values], axis=0)
    return kept


def corners(x: Floats, y: Floats, steps: str) -> tuple[Floats, Floats]:
    """The corners of a step curve: two points for each value; other curves do not change.

    Args:
        x: (N,) ascending.
        y: (N,) values.
        steps: one of `STEPS`, or empty.
    """
    if not steps or len(x) == 0:
        return x, y
    if steps == "before":
        left, right = np.concatenate([[min(0.0, x[0])], x[:-1]]), x
    else:
        middle = (x[:-1] + x[1:]) / 2 if len(x) > 1 else np.array([])
        half = (x[1] - x[0]) / 2 if len(x) > 1 else 0.5
        left = np.concatenate([[x[0] - half], middle])
        right = np.concatenate([middle, [x[-1] + half]])
    return np.column_stack([left, right]).ravel(), np.repeat(y, 2)
