"""How a box part may weight its positives: by centre-ness, score, IoU or rank."""

from collections.abc import Callable

import torch
from torch import Tensor

from rankdet.losses.box_errors import required_extra
from rankdet.losses.flat_problem import FlatProblem
from rankdet.losses.ranks import Ranking


def uniform(problem: FlatProblem, delta: float, delta_loc: float | None) -> Tensor:
    """Returns 1 for each positive: (P,)."""
    return torch.ones_like(problem.of_positives("ious"))


def by_centerness(problem: FlatProblem, delta: float, delta_loc: float | None) -> Tensor:
    """Returns the centre-ness target of each positive (FCOS): (P,)."""
    return required_extra(problem, "centerness_targets", "centerness weighting").float()


def by_score(problem: FlatProblem, delta: float, delta_loc: float | None) -> Tensor:
    """Returns the largest score of each positive over all classes: (P,)."""
    return problem.logits[problem.positives].float().sigmoid().amax(1)


def by_iou(problem: FlatProblem, delta: float, delta_loc: float | None) -> Tensor:
    """Returns the IoU of each positive's box: (P,)."""
    return problem.of_positives("ious")


def by_rank(problem: FlatProblem, delta: float, delta_loc: float | None) -> Tensor:
    """Returns ``w_i = (1/P) Σ_{k ∈ P} H(s_i - s_k) / rank_k`` (Rank & Sort, Eq. S21): (P,).

    Args:
        problem: The batch.
        delta: Half the width of the ramp of H in the ranks.
        delta_loc: The same in the numerator; None is the hard step.
    """
    ranks = Ranking(problem.flat_logits, problem.flat_labels, delta)
    if not len(ranks):
        return torch.zeros_like(problem.of_positives("ious"))
    smooth = delta_loc or 0.0
    return ranks.rank_sums_below(1 / ranks.rank, smooth).float() / len(ranks)


# A run's fingerprint counts the function of its own weighting only, so the values must be names.
WEIGHTINGS: dict[str, Callable[[FlatProblem, float, float | None], Tensor]] = {
    "none": uniform,
    "centerness": by_centerness,
    "score": by_score,
    "iou": by_iou,
    "ranking": by_rank,
}
