"""The evidence for a claim from runs: a difference, ratio or value with its 95% interval."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rankdet.errors import InputError
from rankdet.evaluation.coco.types import Floats
from rankdet.evaluation.estimates import Estimate
from rankdet.evaluation.interval_cache import REPLICATES, difference
from rankdet.evaluation.intervals import Difference, mean_over_seeds
from rankdet.evaluation.registry import find
from rankdet.papers.claims import Claim
from rankdet.papers.spec import MULTI_SCALE, Column, threshold
from rankdet.results.layout import MATCHES, threshold_folder
from rankdet.results.records import RecordedRun

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
    """

    name: str
    column: Column
    view: str
    runs: tuple[RecordedRun, ...]
    values: tuple[float, ...]
    reason: str | None
    published: float | None
    exact: bool = False


Pair = tuple[Side, Side]


def published(claim: Claim, pairs: Sequence[Pair]) -> float | None:
    """The same comparison of the paper's values; None if one of them is not printed."""
    known = [(a.published, b.published) for a, b in pairs]
    if claim.equals is not None:
        return known[0][0]
    firsts, seconds = ([p[i] for p in known] for i in (0, 1))
    if None in firsts or None in seconds or (claim.ratio and 0 in (*firsts, *seconds)):
        return None
    return _compared(claim, np.array(firsts, float), np.array(seconds, float))


def evidence(claim: Claim, pairs: Sequence[Pair], store: Path) -> tuple[Difference, str]:
    """Returns the compared value of a claim with its interval, and the origin of the interval.

    Args:
        claim: the claim.
        pairs: better and worse side; several for a claim on the average over rows.
        store: folder of the stored bootstrap intervals.
    """
    first, second = (np.array(side.values) for side in pairs[0])
    if claim.equals is not None:
        return _one_value(pairs[0][0])
    if all(side.exact for pair in pairs for side in pair):
        found = _every(claim, pairs)
        return Difference(
            float(found.mean()), float(found.min()), float(found.max()), None
        ), "exact"
    if claim.average:
        return _average(claim, pairs)
    if _same(*pairs[0]):
        return Difference(None, None, None, None), "both sides are the same run"
    value = _compared(claim, first.mean(keepdims=True), second.mean(keepdims=True))
    nothing = Difference(value, None, None, None)
    if len(first) > 1 and len(second) > 1:
        return _over_seeds(claim, pairs[0], value)
    if len(first) > 1 or len(second) > 1:
        return nothing, "one side has a single seed: no interval"
    drawn = None if claim.ratio else _over_images(*pairs[0], value, store)
    return drawn or (nothing, "one seed each, and no interval over images for this metric")


def _compared(claim: Claim, first: Floats, second: Floats) -> float:
    """The mean difference, or the geometric mean of the ratios."""
    if claim.ratio:
        return float(np.exp(np.mean(np.log(first) - np.log(second))))
    return float(np.mean(first - second))


def _same(better: Side, worse: Side) -> bool:
    what = ((side.runs, side.view, side.column.metric) for side in (better, worse))
    return next(what) == next(what)


def _one_value(side: Side) -> tuple[Difference, str]:
    values = np.array(side.values)
    seeds = "one seed" if len(values) == 1 else f"{len(values)} seeds"
    if side.exact:
        ends = float(values.min()), float(values.max())
        return Difference(
            float(values.mean()), *ends, None
        ), f"the lowest and highest value of {seeds}" if len(
            values
        ) > 1 else "the value of one seed"
    mean, half = mean_over_seeds(list(values))
    if mean is None or half is None:
        return Difference(mean, None, None, None), f"{seeds}: no interval"
    return Difference(mean, mean - half, mean + half, None), f"95% t-interval over {seeds}"


def _every(claim: Claim, pairs: Sequence[Pair]) -> Floats:
    """The comparison of every seed of one side with every seed of the other, over the pairs."""
    sides = [[np.array(side.values) for side in pair] for pair in pairs]
    return np.array(
        [(a[:, None] / b[None]) if claim.ratio else (a[:, None] - b[None]) for a, b in sides]
    ).ravel()


def _average(claim: Claim, pairs: Sequence[Pair]) -> tuple[Difference, str]:
    counts = {len(side.values) for pair in pairs for side in pair}
    if len(counts) > 1:
        return Difference(None, None, None, None), "the rows have different numbers of seeds"
    firsts, seconds = (np.array([pair[i].values for pair in pairs]) for i in (0, 1))
    seeds = [_compared(claim, a, b) for a, b in zip(firsts.T, seconds.T, strict=True)]
    mean, half = mean_over_seeds(seeds)
    rows = f"mean over {len(pairs)} rows"
    if mean is None or half is None:
        return Difference(mean, None, None, None), f"{rows}; one seed each: no interval"
    how = f"{rows}; 95% t-interval over {len(seeds)} seeds"
    return Difference(mean, mean - half, mean + half, None), how


def _over_seeds(claim: Claim, pair: Pair, value: float) -> tuple[Difference, str]:
    first, second = (np.array(side.values) for side in pair)
    if claim.ratio:
        first, second = np.log(first), np.log(second)
    if pair[0].runs == pair[1].runs:  # two views or columns of the same runs
        mean, half = mean_over_seeds(list(first - second))
        assert mean is not None and half is not None  # because there are several seeds
        low, high = mean - half, mean + half
        how = f"95% t-interval over {len(first)} seeds, paired"
    else:
        low, high = Estimate.of_difference(first, second).interval()
        how = f"95% t-interval over {len(first)} and {len(second)} seeds (Welch)"
    if claim.ratio:
        low, high = float(np.exp(low)), float(np.exp(high))
    return Difference(value, low, high, None), how


def _over_images(
    better: Side, worse: Side, value: float, store: Path
) -> tuple[Difference, str] | None:
    """A paired bootstrap of one run each; None if the metric or the view has no interval."""
    metric = better.column.metric
    family = None if metric.startswith(OF_MASKS) else getattr(find(metric), "interval", None)
    of_worse, of_better = (_matches(side.runs[0], side.view) for side in (worse, better))
    if family is None or worse.column.metric != metric or not of_worse or not of_better:
        return None
    nothing = Difference(value, None, None, None)
    try:
        found = difference(of_worse, of_better, metric, family, store)
    except (InputError, OSError) as error:
        return nothing, f"one seed each, and no interval over images: {error}"
    if found is None or found.low is None or found.high is None:
        return nothing, "one seed each; undefined in some draw of images, so no interval"
    scale = better.column.scale
    return (
        Difference(value, found.low * scale, found.high * scale, found.p),
        f"95% interval over images (paired bootstrap, {REPLICATES} draws); "
        "one seed each: does not cover seed variance",
    )


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
