"""Does a study give the same results again? Two leaderboards of the same runs, row by row.

A row is a dataset, detector, loss and schedule. Its runs here and in a record are two samples of
trainings. Their means are compared by Welch's t over the seeds, with Holm's correction for all
rows, as in docs/decisions/026-verdicts-need-seeds.md. "Agrees" means that no difference was found:
the interval says how large one could be. With few seeds and many rows that is weak, so all rows are
also tested together.
"""

import csv
import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from rankdet.errors import InputError
from rankdet.evaluation.estimates import Estimate
from rankdet.evaluation.metric import LEADERBOARD, Metric
from rankdet.evaluation.registry import shown_in
from rankdet.evaluation.seeds import SEEDS, SeedDifference, differences
from rankdet.evaluation.units import DIGITS
from rankdet.files import atomic
from rankdet.files import read_record as read_json_record
from rankdet.results.layout import LEADERBOARD as FILE
from rankdet.results.layout import PLAN, PROVENANCE
from rankdet.results.leaderboard import Entry, is_untrained, read_leaderboard
from rankdet.results.records import RecordedStudy
from rankdet.results.seed_groups import SeedGroup, seed_groups
from rankdet.suggest import choice

AGREES, DIFFERS, NOT_COMPARED = "agrees", "differs beyond intervals", "not compared"
EQUAL = "equal values"  # of a row that has too few seeds for an interval
COLUMNS = (
    *("runs", "split", "seeds here", "seeds in the record", "here", "record", "difference"),
    *("low", "high", "level", "p", "verdict", "reason"),
)

Key = tuple[str, str]


@dataclass(frozen=True)
class Agreement:
    """One row of both leaderboards.

    Attributes:
        runs: the key of its runs without the seed.
        split: the split.
        here: the metric of each seed here, in printed units; empty if one of them has none.
        record: the same in the record.
        difference: mean here minus mean in the record; None if the row is not compared.
        reason: why it has no interval, in one line; empty if it has one.
        equal: whether each seed has the same value on both sides, to 6 decimals.
    """

    runs: str
    split: str
    here: tuple[float, ...]
    record: tuple[float, ...]
    difference: SeedDifference | None
    reason: str = ""
    equal: bool = False

    @property
    def verdict(self) -> str:
        """`agrees`, `differs beyond intervals`, `equal values` or `not compared`."""
        if self.difference is None:
            return EQUAL if self.equal else NOT_COMPARED
        return DIFFERS if self.difference.significant else AGREES

    def cells(self) -> list[object]:
        """Returns its cells in a CSV, in the order of `COLUMNS`."""
        means = [round(fmean(one), DIGITS) if one else None for one in (self.here, self.record)]
        found = self.difference
        numbers = [found.value, found.low, found.high, found.level, found.p] if found else []
        rounded = [None if n is None else round(n, DIGITS) for n in numbers] or [None] * 5
        counts = [len(self.here), len(self.record)]
        return [self.runs, self.split, *counts, *means, *rounded, self.verdict, self.reason]


def leaderboard_metric(name: str) -> Metric:
    """Returns a metric of the leaderboard by its key.

    Raises:
        InputError: If the leaderboard does not have it.
    """
    known = {metric.key: metric for metric in shown_in(LEADERBOARD)}
    if name not in known:
        raise InputError(f"--metric: found {name!r}; {choice(name, known)}")
    return known[name]


def read_record(path: Path) -> list[Entry]:
    """Reads the leaderboard of a record.

    Args:
        path: the record's folder, or its `leaderboard.csv`.

    Raises:
        InputError: If it is missing or damaged.
    """
    file = path / FILE if path.is_dir() else path
    if not file.is_file():
        raise InputError(f"{path}: no {FILE} there; name a folder that `rankdet record` has made")
    if (file.parent / PLAN).is_file():
        raise InputError(
            f"{path}: the results of a study, not a record; name a folder that `rankdet record` "
            "has made, or compare two studies with `rankdet diff`"
        )
    return read_leaderboard(file)


def check_same_study(path: Path, study: RecordedStudy) -> None:
    """Checks that a record is of the same study, with the same data, as far as both have any.

    A leaderboard alone has no such facts, and is not checked.

    Args:
        path: the record's folder.
        study: the study.

    Raises:
        InputError: If the study's name or the checksum of a dataset differs.
    """
    file = path / PROVENANCE
    if not file.is_file():
        return
    facts, problem = read_json_record(file)
    if problem:
        raise InputError(f"{file}: {problem}; name a folder that `rankdet record` has made")
    if facts.get("study") != study.name:
        raise InputError(
            f"{file}: a record of the study {facts.get('study')!r}, not of {study.name!r}; "
            "name a record of the same study"
        )
    data = facts.get("data")
    for name, recorded in data.items() if isinstance(data, dict) else ():
        here = study.checksum(name) if name in study.datasets() else None
        if here and recorded and here != recorded:
            raise InputError(
                f"{file}: dataset {name!r} has other images or annotations than here; "
                "name a record of the same data"
            )


SIDES = ("here", "in the record")


def agreements(
    here: Sequence[Entry],
    record: Sequence[Entry],
    metric: Metric,
    sides: tuple[str, str] = SIDES,
) -> list[Agreement]:
    """Compares the rows that both leaderboards have, in the order of the first.

    Args:
        here: the entries of a study.
        record: the entries of a record.
        metric: what is compared.
        sides: where the first and the second entries are, in words for reasons.

    Raises:
        InputError: If they have no row in common.
    """
    ours, theirs = _groups(here), _groups(record)
    shared = [key for key in ours if key in theirs]
    if not shared:
        raise InputError(
            f"no row in common: {sides[0]} there is {_some(ours)}, {sides[1]} {_some(theirs)}; "
            "compare the same study"
        )
    samples: dict[tuple[Key, str], tuple[float, ...]] = {}
    for key in shared:
        for side, groups in (("here", ours), ("record", theirs)):
            samples[key, side] = tuple(groups[key].values(metric))
    reasons = {key: _reason(ours[key], theirs[key], metric, sides) for key in shared}
    pairs = [((key, "here"), (key, "record")) for key in shared if not reasons[key]]
    found = {pair[0][0]: one for pair, one in differences(samples, pairs).items()}
    return [
        Agreement(
            *key,
            samples[key, "here"],
            samples[key, "record"],
            found.get(key),
            reasons[key],
            _equal(ours[key], theirs[key], metric),
        )
        for key in shared
    ]


def joint_p(rows: Iterable[Agreement]) -> float | None:
    """Returns the p-value of "no row differs", from all compared rows together, in [0, 1].

    Small differences in many rows show here, though none is found alone. None without rows.

    Source: R. A. Fisher, Statistical Methods for Research Workers, 1925: −2 Σ ln p has a χ²
    distribution with two degrees of freedom for each of the independent tests.
    """
    from scipy import stats

    compared = [row for row in rows if row.difference is not None]
    if not compared:
        return None
    values = [Estimate.of_difference(row.here, row.record).p_value() for row in compared]
    total = -2 * sum(math.log(max(value, sys.float_info.min)) for value in values)
    return float(stats.chi2.sf(total, 2 * len(values)))


def write_agreements(rows: Sequence[Agreement], path: Path) -> None:
    """Writes the rows as CSV, in printed units."""
    with atomic(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(row.cells() for row in rows)


def _groups(entries: Sequence[Entry]) -> dict[Key, SeedGroup]:
    """The rows of trained models, by key and split."""
    trained = [entry for entry in entries if not is_untrained(entry)]
    return {(group.key, group.first.split): group for group in seed_groups(trained)}


def _equal(ours: SeedGroup, theirs: SeedGroup, metric: Metric) -> bool:
    """Whether each seed has the same value on both sides; a missing value equals no other."""
    here, there = (
        {one.seed: one.values.get(metric.key) for one in group.entries} for group in (ours, theirs)
    )
    return here == there and None not in here.values()


def _some(groups: dict[Key, SeedGroup]) -> str:
    return next((key for key, _ in groups), "none")


def _reason(ours: SeedGroup, theirs: SeedGroup, metric: Metric, sides: tuple[str, str]) -> str:
    """Why a row is not compared; empty if it is."""
    for side, group in zip(sides, (ours, theirs), strict=True):
        if not group.values(metric):
            entry = next(e for e in group.counted if e.values.get(metric.key) is None)
            why = entry.reason or f"no {metric.header}"
            return f"seed {entry.seed} {side}: {why}"
    few = [
        f"{len(group.counted)} {side}"
        for side, group in zip(sides, (ours, theirs), strict=True)
        if len(group.counted) < SEEDS
    ]
    return f"too few seeds ({', '.join(few)}); {SEEDS} on both sides are needed" if few else ""
