"""Rows of the training record: of several processes, and of the passes of an optimiser step."""

from collections.abc import Mapping, Sequence

Row = Mapping[str, float]

COUNTED = ("num_pos", "num_neg")  # summed; gradients are of the mean loss, so they are averaged
TIMES = ("seconds", "data_seconds")
LARGEST = ("memory_mb",)


def of_heads(records: Sequence[Row], prefixes: Sequence[str]) -> dict[str, float]:
    """Returns the columns of a detector's heads for one pass.

    If there are several heads (RPN, stages of R-CNN), each has columns with its prefix. The columns
    without prefix are then sums over the heads, and `balance_weight` is that of the last head.

    Args:
        records: What each head recorded; see `CriterionHead.record`.
        prefixes: The prefix of each head's columns.
    """
    if len(records) < 2:
        return dict(records[0]) if records else {}
    row = {"balance_weight": records[-1]["balance_weight"]}
    for name in ("num_pos", "num_neg", "grad_pos", "grad_neg"):
        row[name] = sum(record[name] for record in records)
    for prefix, record in zip(prefixes, records, strict=True):
        row |= {f"{prefix}{name}": value for name, value in record.items()}
    return row


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


def line(rows: Sequence[Row], iterations: int) -> str:
    """Returns a line for the log: the mean losses and times of some rows.

    Args:
        rows: The rows since the last line, at least one.
        iterations: The length of the training.
    """
    last, count = rows[-1], len(rows)
    names = [name for name in last if "loss" in name]
    values = {name: sum(row.get(name, 0.0) for row in rows) / count for name in (*names, *TIMES)}
    losses = "  ".join(f"{name} {values[name]:.4f}" for name in names)
    return (
        f"epoch {last['epoch']}  iteration {last['iteration']}/{iterations}  lr {last['lr']:.3e}  "
        f"{losses}  {values['seconds']:.3f} s/iteration ({values['data_seconds']:.3f} s data)  "
        f"{last['memory_mb']:.0f} MB"
    )
