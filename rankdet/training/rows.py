"""Rows of the training record: of several processes, and of the passes of an optimiser step."""

from collections.abc import Mapping, Sequence

Row = Mapping[str, float]

COUNTED = ("num_pos", "num_neg")  # summed; gradients are of the mean loss, so they are averaged
TIMES = ("seconds", "data_seconds")
LARGEST = ("memory_mb",)


def of_processes(rows: Sequence[Row]) -> dict[str, float]:
    """Returns one row for a pass of several processes.

    Counts are summed; memory and times are the largest; losses, gradients and weights are means.
    A NaN in one process makes the mean NaN, so that all processes see a divergence.

    Args:
        rows: The row of each process, with the same names.
    """
    return _merged(rows, TIMES + LARGEST)


def of_passes(rows: Sequence[Row]) -> dict[str, float]:
    """Returns one row for an optimiser step: as `of_processes`, but times are summed.

    Args:
        rows: The row of each forward pass.
    """
    merged = _merged(rows, LARGEST)
    return merged | {name: sum(row[name] for row in rows) for name in TIMES if name in merged}


def _merged(rows: Sequence[Row], largest: Sequence[str]) -> dict[str, float]:
    if len(rows) == 1:
        return dict(rows[0])
    merged: dict[str, float] = {}
    for name in rows[0]:
        values = [row[name] for row in rows]
        if name in ("iteration", "epoch", "lr"):
            merged[name] = values[-1]
        elif name.endswith(COUNTED):
            merged[name] = sum(values)
        elif name in largest:
            merged[name] = max(values)
        else:
            merged[name] = sum(values) / len(values)
    return merged
