"""Matrices of all losses of a detector against each other, as comparison pages show them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean

from rankdet.evaluation.metric import HIGHER, Metric
from rankdet.evaluation.registry import by_key
from rankdet.evaluation.seeds import SEEDS, SeedDifference, differences

METRICS = ("AP", "oLRP")
MOST = 24  # losses that a matrix shows: more could not be read, and would be most of a page


@dataclass(frozen=True)
class MatrixCell:
    """One loss minus another.

    Attributes:
        difference: Mean of the row minus mean of the column; None if one of them is undefined.
        why_grey: Why it is no verdict, in a few words; empty if it was tested.
        verdict: `better` or `worse` if the row can be distinguished from the column; else empty.
    """

    difference: SeedDifference | None
    why_grey: str = ""
    verdict: str = ""


@dataclass(frozen=True)
class Matrix:
    """All losses of one schedule against each other in one metric.

    Attributes:
        metric: The metric.
        schedule: Name of the schedule; empty for the study's.
        lines: Positions of the shown losses on the page: at most `MOST`, the first one and those
            with the highest AP.
        rows: A row per shown loss, with a cell per shown loss; None on the diagonal.
        tested: Number of pairs that were tested together (Holm), also those that are not shown.
        losses: Number of losses of the schedule, also those that are not shown.
    """

    metric: Metric
    schedule: str
    lines: tuple[int, ...]
    rows: tuple[tuple[MatrixCell | None, ...], ...]
    tested: int
    losses: int = 0


@dataclass(frozen=True)
class Loss:
    """A loss of the matrices.

    Attributes:
        values: The values of its seeds by metric, in printed units.
        learned: Whether one of its runs has learned.
        schedule: Name of its schedule; empty for the study's.
    """

    values: Mapping[str, Sequence[float]]
    learned: bool
    schedule: str = ""


def matrices(losses: Sequence[Loss]) -> tuple[Matrix, ...]:
    """Returns the matrices of AP and oLRP of each schedule that has two losses.

    Schedules are apart: a study with many learning rates would otherwise test hundreds of pairs
    that nobody asks about, and Holm's correction would hide the others.
    """
    schedules: dict[str, list[int]] = {}
    for at, loss in enumerate(losses):
        schedules.setdefault(loss.schedule, []).append(at)
    known = by_key()
    return tuple(
        _matrix(known[key], schedule, {at: losses[at] for at in members})
        for schedule, members in schedules.items()
        if len(members) > 1
        for key in METRICS
    )


def _matrix(metric: Metric, schedule: str, losses: Mapping[int, Loss]) -> Matrix:
    values = {at: loss.values[metric.key] for at, loss in losses.items()}
    learned = {at: loss.learned for at, loss in losses.items()}
    pairs = [p for p in combinations(values, 2) if all(values[at] for at in p)]
    testable = [p for p in pairs if all(learned[at] for at in p)]
    found = differences(values, testable)
    for a, b in pairs:  # a loss that has barely learned takes no part in the tests
        found.setdefault((a, b), SeedDifference(fmean(values[a]) - fmean(values[b])))
    whole = found | {(b, a): one.reversed() for (a, b), one in found.items()}
    shown = _shown(losses)
    rows = tuple(
        tuple(
            None if row == column else _cell(metric, whole.get((row, column)), learned, row, column)
            for column in shown
        )
        for row in shown
    )
    tested = sum(one.p is not None for one in found.values())
    return Matrix(metric, schedule, shown, rows, tested, len(losses))


def _shown(losses: Mapping[int, Loss]) -> tuple[int, ...]:
    """Returns the positions of the first loss and of those with the highest AP, as on the page."""
    first, *others = losses
    others.sort(key=lambda at: -fmean(losses[at].values["AP"] or [0.0]))
    return tuple(sorted([first, *others[: MOST - 1]]))


def _cell(
    metric: Metric,
    found: SeedDifference | None,
    learned: Mapping[int, bool],
    row: int,
    column: int,
) -> MatrixCell:
    if found is None:
        return MatrixCell(None, "undefined")
    if not (learned[row] and learned[column]):
        return MatrixCell(found, "barely learned")
    if found.p is None:
        return MatrixCell(found, f"fewer than {SEEDS} seeds")
    if not found.significant:
        return MatrixCell(found)
    better = (found.value > 0) == (metric.better == HIGHER)
    return MatrixCell(found, verdict="better" if better else "worse")
