"""oLRP and its parts under many weightings of the images at once, exactly.

The lowest LRP of a class is at a true positive. True positives are put into bins. The sums at both
ends of a bin give a lower bound of LRP inside it, and LRP at its end is an upper bound of the
lowest LRP. So only the few bins that may contain the minimum of some weighting are computed row by
row. The result is that of a search over all true positives.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from rankdet.evaluation.coco.types import Floats, Ints
from rankdet.evaluation.metrics.accumulate import running
from rankdet.evaluation.metrics.matches import ClassMatches
from rankdet.evaluation.metrics.olrp import TAU

Singles = NDArray[np.float32]
Table = NDArray[Any]
BIN = 16  # true positives in a bin
_BINS = 64  # computed at a time: their weights stay in the cache
EXACT = 1 << 22  # detections up to which weighted counts are exact in single precision
SLACK = 1e-9  # of the bounds: more than rounding


@dataclass(frozen=True)
class _Sums:
    """Weighted sums, each (N, B): true positives, false positives, and 1 − IoU of the true ones."""

    tp: Floats
    fp: Floats
    loc: Floats

    def lrp(self, positives: Floats) -> Floats:
        """Returns LRP, (N, B); `positives` is (B,)."""
        with np.errstate(invalid="ignore", divide="ignore"):
            top = self.loc / (1 - TAU) + self.fp + (positives - self.tp)
            return np.asarray(top / (positives + self.fp))


class LrpOfClass:
    """The detections of a class up to its last true positive at IoU .5.

    Args:
        one: the class.
        image: (D,) position of each detection's image.
        truth: (P,) position of the image of each ground truth that counts.
        images: number of images, I.
    """

    def __init__(self, one: ClassMatches, image: Ints, truth: Ints, images: int) -> None:
        self.truth, self.images = truth, images
        hit = one.true()
        self.hits = np.flatnonzero(hit)
        self.error = 1 - one.iou[self.hits]
        self.image = image[self.hits]
        wrong = np.flatnonzero(one.counted() & ~hit)
        wrong = wrong[: np.searchsorted(wrong, self.hits[-1])] if len(self.hits) else wrong[:0]
        self.next_hit = np.searchsorted(self.hits, wrong)  # ascending
        self.wrong_image = image[wrong]
        self.count_type = np.float32 if len(one.score) < EXACT else np.float64
        self.bins = -(-len(self.hits) // BIN)
        self.wrong_of_bins = self._table(self.next_hit // BIN, self.wrong_image, self.bins)

    def _table(self, row: Ints, image: Ints, rows: int) -> Any:
        """A sparse table of ones (rows, I) from ascending rows."""
        ends = np.searchsorted(row, np.arange(rows + 1))
        ones: Table = np.ones(len(row), dtype=self.count_type)
        return sparse.csr_array((ones, image, ends), shape=(rows, self.images))

    def _of_bins(self, weights: Singles, exact: Table) -> "_Sums":
        """Sums inside each bin."""
        shape = (self.bins, weights.shape[1])
        tp, loc = np.zeros(shape), np.zeros(shape)
        for first in range(0, self.bins, _BINS):
            rows = slice(first * BIN, (first + _BINS) * BIN)
            part = weights[self.image[rows]]
            starts = np.arange(0, len(part), BIN)
            here = slice(first, first + len(starts))
            np.add.reduceat(part, starts, axis=0, out=tp[here])
            np.add.reduceat(part * self.error[rows][:, None], starts, axis=0, out=loc[here])
        return _Sums(tp, _product(self.wrong_of_bins, exact), loc)

    def values(self, weights: Singles) -> Floats:
        """Returns oLRP, Loc, FP and FN, (4, B), NaN where undefined; `weights` is (I, B)."""
        positives = weights[self.truth].sum(axis=0, dtype=np.float64)
        out = np.full((4, weights.shape[1]), np.nan)
        out[[0, 3]] = 1.0
        if len(self.hits):
            sums = self._candidates(weights, positives)
            lrp = sums.lrp(positives)
            at = np.argmin(np.where(np.isnan(lrp), np.inf, lrp), axis=0)[None]
            tp, fp, loc, lowest = (
                np.take_along_axis(table, at, axis=0)[0]
                for table in (sums.tp, sums.fp, sums.loc, lrp)
            )
            with np.errstate(invalid="ignore", divide="ignore"):
                best = [lowest, loc / tp, fp / (tp + fp), (positives - tp) / positives]
            out = np.where(tp > 0, np.stack(best), out)
        return np.where(positives > 0, out, np.nan)

    def _candidates(self, weights: Singles, positives: Floats) -> _Sums:
        """Sums at the true positives that may have the lowest LRP of some weighting."""
        exact = weights.astype(self.count_type, copy=False)
        inside = self._of_bins(weights, exact)
        ends = _Sums(*(running(t.copy()) for t in (inside.tp, inside.fp, inside.loc)))
        starts = _Sums(ends.tp - inside.tp, ends.fp - inside.fp, ends.loc - inside.loc)
        # LRP grows with false positives and with the error, and falls with true positives.
        lower = _Sums(ends.tp, starts.fp, starts.loc).lrp(positives)
        most = ends.lrp(positives).min(axis=0)
        chosen = np.flatnonzero((lower <= most + SLACK).any(axis=1))
        if len(chosen) == 0:  # no weighting has ground truth
            chosen = np.zeros(1, dtype=np.int64)
        return self._rows(weights, exact, chosen, starts)

    def _rows(self, weights: Singles, exact: Table, chosen: Ints, starts: _Sums) -> _Sums:
        """Sums at each true positive of the chosen bins; the last bin is filled up with zeros."""
        rows = (chosen[:, None] * BIN + np.arange(BIN)).ravel()
        low, high = (np.searchsorted(self.next_hit, rows, side=s) for s in ("left", "right"))
        picked = np.repeat(low, high - low) + _counting(high - low)
        place = np.repeat(np.arange(len(rows)), high - low)
        wrong = self._table(place, self.wrong_image[picked], len(rows))
        known = np.minimum(rows, len(self.hits) - 1)
        of_rows = weights[self.image[known]].astype(np.float64)
        of_rows[rows > known] = 0
        steps = (of_rows, _product(wrong, exact), of_rows * self.error[known][:, None])
        found = []
        for step, start in zip(steps, (starts.tp, starts.fp, starts.loc), strict=True):
            table = step.reshape(len(chosen), BIN, -1)
            table[:, 0] += start[chosen]
            for i in range(1, BIN):
                table[:, i] += table[:, i - 1]
            found.append(step)
        return _Sums(*found)


def _counting(lengths: Ints) -> Ints:
    """Returns 0 ... n − 1 for each length n, one after another."""
    ends = np.cumsum(lengths)
    return np.asarray(np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - lengths, lengths))


def _product(table: Any, weights: Table) -> Floats:
    return np.asarray(table @ weights, dtype=np.float64)
