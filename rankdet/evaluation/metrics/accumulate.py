"""Running sums and maxima down the rows of a wide table."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_PART = 32  # rows that are added one by one, in many parts at once
_ROWS = _PART * _PART  # NumPy works by columns: blocks of rows that fit into the cache are faster


def running(table: NDArray[Any], ufunc: np.ufunc = np.add) -> NDArray[Any]:
    """Returns `ufunc.accumulate(table, axis=0)`.

    Args:
        table: (N, B); overwritten with the result.
        ufunc: `np.add` or `np.maximum`.

    Returns:
        The table, (N, B).
    """
    for start in range(0, len(table), _ROWS):
        block = table[start : start + _ROWS]
        _accumulate(block, ufunc)
        if start:
            ufunc(block, table[start - 1], out=block)
    return table


def _accumulate(block: NDArray[Any], ufunc: np.ufunc) -> None:
    whole = len(block) // _PART
    if whole < 2:
        ufunc.accumulate(block, axis=0, out=block)
        return
    parts = block[: whole * _PART].reshape(whole, _PART, -1)
    for i in range(1, _PART):
        ufunc(parts[:, i], parts[:, i - 1], out=parts[:, i])
    ends = ufunc.accumulate(parts[:, -1], axis=0)
    ufunc(parts[1:], ends[:-1, None], out=parts[1:])
    rest = block[whole * _PART - 1 :]  # with the last row that is done
    ufunc.accumulate(rest, axis=0, out=rest)
