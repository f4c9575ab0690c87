"""The bucketed form of the ranking losses, for comparison of speed.

Yavuz, Cam, Dogan, Oksuz, Akbas, Kalkan: Bucketed Ranking-based Losses for Efficient Training of
Object Detectors, ECCV 2024. All scores are sorted. Negatives between two neighbouring positives
form a bucket, which has its size and the mean of its scores. A ranking error then compares P
positives with at most P + 1 buckets instead of N negatives, and the negatives of a bucket share its
gradient equally. With a hard step (delta 0) this is exact. With a ramp it is an approximation,
because the negatives of a bucket have one place on the ramp.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from rankdet.losses.benchmark import DrawnBatch

DELTAS = {"ap": 1.0, "alrp": 1.0, "rank_sort": 0.5}  # of the released codes
EPS = 1e-5


@dataclass(frozen=True)
class Buckets:
    """The sorted problem.

    Attributes:
        shape: The number of logits.
        positives: (P,) places of the positives in the logits, by falling score.
        scores: (P,) their logits.
        negatives: (M,) places of the relevant negatives.
        owner: (M,) the bucket of each relevant negative.
        sizes: (P + 1,) negatives per bucket, float.
        among: (P, P) H(s_k - s_i); row i.
        above: (P, P + 1) H(b - s_i) of the buckets' means b; row i.
    """

    shape: int
    positives: Tensor
    scores: Tensor
    negatives: Tensor
    owner: Tensor
    sizes: Tensor
    among: Tensor
    above: Tensor

    @classmethod
    def of(cls, logits: Tensor, labels: Tensor, delta: float) -> "Buckets":
        """Sorts the scores and groups the negatives.

        Args:
            logits: (N,) float32 or float64.
            labels: (N,) 1 positive, 0 negative, -1 ignored. There must be a positive.
            delta: Half the width of the ramp of H, >= 0.
        """
        places = (labels == 1).nonzero().squeeze(1)
        lowest = logits[places].min() - delta
        negatives = ((labels == 0) & (logits >= lowest)).nonzero().squeeze(1)
        # The sort is stable: of equal scores, negatives come first, because H(0) = 1 at delta 0.
        joined = torch.cat([negatives, places])
        order = joined[logits[joined].sort(descending=True, stable=True).indices]
        positive = labels[order] == 1
        bucket = positive.cumsum(0)
        negatives, owner = order[~positive], bucket[~positive]
        positives = order[positive]
        scores = logits[positives]
        sizes = torch.bincount(owner, minlength=len(positives) + 1)
        sums = torch.zeros(len(sizes), dtype=torch.float64, device=logits.device)
        sums.index_add_(0, owner, logits[negatives].double())
        means = (sums / sizes.clamp(min=1)).to(logits.dtype)
        return cls(
            len(logits),
            positives,
            scores,
            negatives,
            owner,
            sizes.to(logits.dtype),
            _step(scores[None] - scores[:, None], delta),
            _step(means[None] - scores[:, None], delta),
        )

    def false_positives(self) -> Tensor:
        """Returns the negatives above each positive (P,)."""
        return self.above @ self.sizes

    def gradient(self, positives: Tensor, per_negative: Tensor) -> Tensor:
        """Returns the gradient in the logits (N,).

        Args:
            positives: (P,) gradient of each positive.
            per_negative: (P,) what each positive gives to a negative that is fully above it.
        """
        gradient = positives.new_zeros(self.shape)
        gradient[self.negatives] = (per_negative @ self.above)[self.owner]
        gradient[self.positives] = positives
        return gradient


def _step(differences: Tensor, delta: float) -> Tensor:
    if delta == 0:
        return (differences >= 0).to(differences.dtype)
    return differences.div_(2 * delta).add_(0.5).clamp_(0, 1)


def ap(batch: DrawnBatch, delta: float) -> tuple[Tensor, Tensor]:
    """AP Loss with interpolated precision: the loss and its gradient."""
    buckets = Buckets.of(batch.logits, batch.labels, delta)
    false, count = buckets.false_positives(), len(buckets.scores)
    rank = buckets.among.sum(1) - buckets.among.diagonal() + 1
    precision = rank / (rank + false)
    # Precision at a score is the best precision at that score or a lower one.
    best = precision.flip(0).cummax(0).values.flip(0)
    errors = 1 - best
    share = torch.where(false > 0, errors / false.clamp(min=EPS), 0.0)
    gradient = buckets.gradient(-errors / count, share / count)
    return errors.mean(), gradient


def alrp(batch: DrawnBatch, delta: float) -> tuple[Tensor, Tensor]:
    """The classification part of aLRP Loss and its gradient."""
    buckets = Buckets.of(batch.logits, batch.labels, delta)
    false, count = buckets.false_positives(), len(buckets.scores)
    among = buckets.among.clone()
    among.fill_diagonal_(0)
    rank = 1 + among.sum(1) + false
    errors = _of_positives(batch, buckets, 1 - batch.ious)
    pull = torch.where(false > EPS, (false + among @ errors) / rank, 0.0)
    share = pull / false.clamp(min=EPS)
    return (false / rank).mean(), buckets.gradient(-pull / count, share / count)


def rank_sort(batch: DrawnBatch, delta: float) -> tuple[Tensor, Tensor]:
    """Rank & Sort Loss (the sum of both parts) and its gradient."""
    buckets = Buckets.of(batch.logits, batch.labels, delta)
    false, count = buckets.false_positives(), len(buckets.scores)
    above, labels = buckets.among, _of_positives(batch, buckets, batch.ious)
    among = above.sum(1)
    ranking = false / (among + false)
    better = above * (labels[None] >= labels[:, None])
    target = (better @ (1 - labels)) / better.sum(1)
    sorting = (above @ (1 - labels)) / among - target
    blamed = above - better
    mass = blamed.sum(1)
    sorting = torch.where(mass > EPS, sorting, 0.0)
    share = torch.where(false > EPS, ranking / false.clamp(min=EPS), 0.0)
    pull = torch.where(false > EPS, ranking, 0.0) + sorting
    positives = -pull + (sorting / mass.clamp(min=EPS)) @ blamed
    gradient = buckets.gradient(positives / count, share / count)
    return ranking.mean() + sorting.mean(), gradient


def _of_positives(batch: DrawnBatch, buckets: Buckets, values: Tensor) -> Tensor:
    """Returns one value per positive in the order of the buckets (falling score)."""
    whole = batch.logits.new_zeros(len(batch.logits))
    whole[batch.labels == 1] = values.to(whole.dtype)
    return whole[buckets.positives]


BUCKETED: dict[str, Callable[[DrawnBatch, float], tuple[Tensor, Tensor]]] = {
    "ap": ap,
    "alrp": alrp,
    "rank_sort": rank_sort,
}
