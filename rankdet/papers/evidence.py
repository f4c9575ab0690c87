"""The evidence for a claim from runs: a difference, ratio or value with its 95% interval."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rankdet.errors import InputError
from rankdet.evaluation.coco.types import Floats
from rankdet.evaluation.estimates import LEVEL, Estimate
from rankdet.evaluation.interval_cache import REPLICATES, difference
from rankdet.evaluation.registry import find
from rankdet.evaluation.seeds import SEEDS
from rankdet.papers.claims import Claim
from rankdet.papers.spec import MULTI_SCALE, Column, threshold
from rankdet.results.layout import MATCHES, threshold_folder
from rankdet.results.recorded_run import RecordedRun

OVER_IMAGES = "interval over images (paired bootstrap"  # how an interval of two single seeds begins
OF_MASKS = "segm."  # metrics of masks; the bootstrap has only matches of boxes


@dataclass(frozen=True)
class Side:
    """One side of a comparison.

    Attributes:
        name: its name in messages.
        column: the column of the metric.
        view: the view of its runs.
        runs: its runs, one for each seed.
        values: their values in printed units, by seed; empty if there is a `reason`.
        reason: why there are no values, in one line; None if there are values.
        published: the paper's value; None if it is not printed.
        exact: whether the values are settings or follow from a theorem, and so have no uncertainty.
        left_out: the runs that take no part, because they have barely learned.
    """

    name: str
    column: Column
    view: str
    runs: tuple[RecordedRun, ...]
    values: tuple[float, ...]
    reason: str | None
    published: float | None
    exact: bool = False
    left_out: tuple[RecordedRun, ...] = ()


Pair = tuple[Side, Side]


@dataclass(frozen=True)
class Evidence:
    """The compared value of a claim, and what is known about it.

    Attributes:
        value: the difference, ratio or value in printed units; None if it is undefined.
        how: the origin of the interval, or why there is none, in a few words.
        counts: number of seeds of each side; one number for the value of one cell.
        estimate: the estimate over seeds, of the logarithm for a ratio; None for a single seed.
        low: lower end of an interval that is not over seeds; None without one.
        high: its upper end.
        exact: whether `low` and `high` are the lowest and highest value, without uncertainty.
    """

    value: float | None
    how: str
    counts: tuple[int, ...] = ()
    estimate: Estimate | None = None
    low: float | None = None
    high: float | None = None
    exact: bool = False

    @property
    def several_seeds(self) -> bool:
        """Whether there are enough seeds for a verdict."""
        return self.estimate is not None and min(self.counts) >= SEEDS

    @property
    def seeds(self) -> str:
        """The numbers of seeds in words: `one seed`, `1 and 2 seeds`; empty if unknown."""
        if len(set(self.counts)) > 1:
            return " and ".join(map(str, self.counts)) + " seeds"
        if not self.counts:
            return ""
        return "one seed" if self.counts[0] == 1 else f"{self.counts[0]} seeds"

    def ends(self, claim: Claim, level: float = LEVEL) -> tuple[float | None, float | None]:
        """Returns the ends of the interval over seeds of this level, or of the other interval."""
        if self.estimate is None:
            return self.low, self.high
        low, high = self.estimate.interval(level)
        return (float(np.exp(low)), float(np.exp(high))) if claim.ratio else (low, high)


def published(claim: Claim, pairs: Sequence[Pair]) -> float | None:
    """The same comparison of the paper's values; None if one of them is not printed."""
    known = [(a.published, b.published) for a, b in pairs]
    if claim.equals is not None:
        return known[0][0]
    firsts, seconds = ([p[i] for p in known] for i in (0, 1))
    if None in firsts or None in seconds or (claim.ratio and 0 in (*firsts, *seconds)):
        return None
    return _compared(claim, np.array(firsts, float), np.array(seconds, float))


def evidence(claim: Claim, pairs: Sequence[Pair], store: Path) -> Evidence:
    """Returns what the runs say about a claim.

    Args:
        claim: the claim.
        pairs: better and worse side; several for a claim on the average over rows.
        store: folder of the stored bootstrap intervals.
    """
    first, second = (np.array(side.values) for side in pairs[0])
    if claim.equals is not None:
        return _one_value(pairs[0][0])
    if all(side.exact for pair in pairs for side in pair):
        values = _every(claim, pairs)
        how = "the lowest and highest value of all pairs of seeds"
        return _exact(values, how if len(values) > 1 else "the value of one seed each")
    if claim.average:
        return _average(claim, pairs)
    if _same(*pairs[0]):
        return Evidence(None, "both sides are the same run")
    if claim.ratio and min(*first, *second) <= 0:
        return Evidence(None, "a value is 0, so there is no ratio")
    value = _compared(claim, first.mean(keepdims=True), second.mean(keepdims=True))
    counts = len(first), len(second)
    if min(counts) > 1:
        return _over_seeds(claim, pairs[0], value)
    if max(counts) > 1:
        return Evidence(value, "one side has a single seed: no interval", counts)
    drawn = None if claim.ratio else _over_images(*pairs[0], value, store)
    nothing = Evidence(value, "one seed each, and no interval over images for this metric", counts)
    return drawn or nothing


def _exact(values: Floats, how: str) -> Evidence:
    low, high = float(values.min()), float(values.max())
    why = "a setting or a theorem gives it exactly, so one seed is enough"
    return Evidence(float(values.mean()), f"{how}; {why}", low=low, high=high, exact=True)


def _compared(claim: Claim, first: Floats, second: Floats) -> float:
    """The mean difference, or the geometric mean of the ratios."""
    if claim.ratio:
        return float(np.exp(np.mean(np.log(first) - np.log(second))))
    return float(np.mean(first - second))


def _same(better: Side, worse: Side) -> bool:
    what = ((side.runs, side.view, side.column.metric) for side in (better, worse))
    return next(what) == next(what)


def _one_value(side: Side) -> Evidence:
    values, counts = np.array(side.values), (len(side.values),)
    if side.exact:
        seeds = Evidence(None, "", counts).seeds
        many = len(values) > 1
        how = f"the lowest and highest value of {seeds}" if many else "the value of one seed"
        return _exact(values, how)
    if len(values) == 1:
        return Evidence(float(values[0]), "one seed: no interval", counts)
    found = Estimate.of_mean(values)
    return Evidence(found.centre, f"t-interval over {len(values)} seeds", counts, found)


def _every(claim: Claim, pairs: Sequence[Pair]) -> Floats:
    """The comparison of every seed of one side with every seed of the other, over the pairs."""
    sides = [[np.array(side.values) for side in pair] for pair in pairs]
    return np.array(
        [(a[:, None] / b[None]) if claim.ratio else (a[:, None] - b[None]) for a, b in sides]
    ).ravel()


def _average(claim: Claim, pairs: Sequence[Pair]) -> Evidence:
    counts = {len(side.values) for pair in pairs for side in pair}
    if len(counts) > 1:
        return Evidence(None, "the rows have different numbers of seeds")
    firsts, seconds = (np.array([pair[i].values for pair in pairs]) for i in (0, 1))
    seeds = [_compared(claim, a, b) for a, b in zip(firsts.T, seconds.T, strict=True)]
    rows, count = f"mean over {len(pairs)} rows", (len(seeds),)
    if len(seeds) == 1:
        return Evidence(seeds[0], f"{rows}; one seed each: no interval", count)
    found = Estimate.of_mean(np.log(seeds) if claim.ratio else seeds)
    value = float(np.exp(found.centre)) if claim.ratio else found.centre
    return Evidence(value, f"{rows}; t-interval over {len(seeds)} seeds", count, found)


def _over_seeds(claim: Claim, pair: Pair, value: float) -> Evidence:
    first, second = (np.array(side.values) for side in pair)
    counts = len(first), len(second)
    if claim.ratio:
        first, second = np.log(first), np.log(second)
    if pair[0].runs == pair[1].runs:  # two views or columns of the same runs
        how = f"t-interval over {len(first)} seeds, paired"
        return Evidence(value, how, counts, Estimate.of_mean(first - second))
    one, two = len(first), len(second)
    how = f"Welch's t-interval, {f'{one} seeds' if one == two else f'{one} and {two} seeds'}"
    how += " on each side" if one == two else " on the two sides"
    return Evidence(value, how, counts, Estimate.of_difference(first, second))


def _over_images(better: Side, worse: Side, value: float, store: Path) -> Evidence | None:
    """A paired bootstrap of one run each; None if the metric or the view has no interval."""
    metric = better.column.metric
    family = None if metric.startswith(OF_MASKS) else getattr(find(metric), "interval", None)
    of_worse, of_better = (_matches(side.runs[0], side.view) for side in (worse, better))
    if family is None or worse.column.metric != metric or not of_worse or not of_better:
        return None
    counts = (1, 1)
    try:
        found = difference(of_worse, of_better, metric, family, store)
    except (InputError, OSError) as error:
        return Evidence(value, f"one seed each, and no interval over images: {error}", counts)
    if found is None or found.low is None or found.high is None:
        how = "one seed each; undefined or at an edge in some draws of images, so no interval"
        return Evidence(value, how, counts)
    how = f"95% {OVER_IMAGES}, {REPLICATES} draws); one seed each: does not cover seed variance"
    low, high = (end * better.column.scale for end in (found.low, found.high))
    return Evidence(value, how, counts, low=low, high=high)


def _matches(run: RecordedRun, view: str) -> Path | None:
    """The file of matches of a run's view; None for a view without matches of boxes."""
    lowest = threshold(view)
    if not view:
        return run.main.folder / MATCHES
    if view == f"{MULTI_SCALE} test":
        return run.further(MULTI_SCALE).folder / MATCHES
    if lowest is None or view.startswith("masks"):
        return None
    file = run.folder / threshold_folder(lowest) / MATCHES
    return file if file.is_file() else None
