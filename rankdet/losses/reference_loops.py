"""The losses as the papers write them: a loop over the positives, each over all negatives.

Only ``rankdet bench losses`` uses them, as its reference for speed. Each function returns its
losses and the gradient in the logits. aLRP follows Algorithm A.2; AP, Rank & Sort and APE have the
same structure.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F


def _split(logits: Tensor, labels: Tensor, margin: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Returns masks of the positives and of the relevant negatives, and the scores of both."""
    positive = labels == 1
    scores = logits[positive]
    relevant = (labels == 0) & (logits >= scores.min() - margin)
    return positive, relevant, scores, logits[relevant]


def _step(differences: Tensor, delta: float) -> Tensor:
    return differences.div_(2 * delta).add_(0.5).clamp_(0, 1)


def _gather(logits: Tensor, places: tuple[Tensor, Tensor], parts: tuple[Tensor, Tensor]) -> Tensor:
    gradient = torch.zeros_like(logits)
    gradient[places[0]], gradient[places[1]] = parts
    return gradient


def ap(logits: Tensor, labels: Tensor, delta: float = 1.0) -> tuple[Tensor, Tensor]:
    """AP Loss with interpolation."""
    positive, relevant, scores, negatives = _split(logits, labels, delta)
    by_negatives, precision = torch.zeros_like(negatives), torch.zeros_like(scores)
    best = torch.zeros(())
    for i in scores.argsort().tolist():
        above = _step(scores - scores[i], delta)
        above[i] = 0
        rank = above.sum() + 1
        step = _step(negatives - scores[i], delta)
        false = step.sum()
        current = rank / (rank + false)
        share = step / (rank + false)
        if best > current:
            share *= (1 - best) / (1 - current)
        best = torch.maximum(best, current)
        precision[i] = best
        by_negatives += share
    n = len(scores)
    parts = ((precision - 1) / n, by_negatives / n)
    return 1 - precision.mean(), _gather(logits, (positive, relevant), parts)


def alrp(
    logits: Tensor, labels: Tensor, errors: Tensor, delta: float = 1.0, eps: float = 1e-5
) -> tuple[Tensor, Tensor, Tensor]:
    """ALRP Loss: classification part, localisation part, gradient of the classification part."""
    positive, relevant, scores, negatives = _split(logits, labels, delta)
    by_negatives, by_positives = torch.zeros_like(negatives), torch.zeros_like(scores)
    classification, rank = torch.zeros_like(scores), torch.zeros_like(scores)
    order = scores.argsort(descending=True)
    for i in order.tolist():
        above = _step(scores - scores[i], delta)
        above[i] = 0
        step = _step(negatives - scores[i], delta)
        false = step.sum()
        rank[i] = 1 + above.sum() + false
        classification[i] = false / rank[i]
        if false > eps:
            by_positives[i] = -(false + (above * errors).sum()) / rank[i]
            by_negatives += step * (-by_positives[i] / false)
    localisation = errors[order].cumsum(0) / rank[order]
    parts = (by_positives / len(scores), by_negatives / len(scores))
    gradient = _gather(logits, (positive, relevant), parts)
    return classification.mean(), localisation.mean(), gradient


def rank_sort(
    logits: Tensor, targets: Tensor, delta: float = 0.5, eps: float = 1e-10
) -> tuple[Tensor, Tensor, Tensor]:
    """Rank & Sort Loss: ranking part, sorting part, gradient of their sum."""
    positive, relevant, scores, negatives = _split(logits, targets.sign(), delta)
    labels = targets[positive]
    by_negatives, by_positives = torch.zeros_like(negatives), torch.zeros_like(scores)
    ranking, sorting = torch.zeros_like(scores), torch.zeros_like(scores)
    for i in scores.argsort().tolist():
        above = _step(scores - scores[i], delta)
        step = _step(negatives - scores[i], delta)
        false, among = step.sum(), above.sum()
        ranking[i] = false / (among + false)
        better = above * (labels >= labels[i])
        target = (better * (1 - labels)).sum() / better.sum()
        sorting[i] = (above * (1 - labels)).sum() / among - target
        by_positives[i] -= ranking[i]
        if false > eps:
            by_negatives += step * (ranking[i] / false)
        blamed = above * (labels < labels[i])
        if blamed.sum() > eps:
            by_positives[i] -= sorting[i]
            by_positives += blamed * (sorting[i] / blamed.sum())
    parts = (by_positives / len(scores), by_negatives / len(scores))
    return ranking.mean(), sorting.mean(), _gather(logits, (positive, relevant), parts)


def ape(
    logits: Tensor, labels: Tensor, ious: Tensor, scale: float = 8.0, max_negatives: int = 100_000
) -> tuple[Tensor, Tensor]:
    """APE Loss: binary cross entropy of every pair by autograd, one positive at a time."""
    margin = 4 / scale
    positive = labels == 1
    places = ((labels == 0) & (logits >= logits[positive].min() - margin)).nonzero().squeeze(1)
    if len(places) > max_negatives:
        places = places[logits[places].topk(max_negatives).indices]
    scores = logits[positive].requires_grad_()
    negatives = logits[places].requires_grad_()
    total, count = torch.zeros(()), 0
    by_positives, by_negatives = torch.zeros_like(scores), torch.zeros_like(negatives)
    for i in range(len(scores)):
        loss = _ape_of_one(scores, negatives, ious, i, scale)
        if loss is not None:
            first, second = torch.autograd.grad(loss, (scores, negatives))
            by_positives += first
            by_negatives += second
            total, count = total + loss.detach(), count + 1
    gradient = torch.zeros_like(logits)
    gradient[positive], gradient[places] = by_positives / count, by_negatives / count
    return total / count, gradient


def _ape_of_one(
    scores: Tensor, negatives: Tensor, ious: Tensor, i: int, scale: float
) -> Tensor | None:
    margin = 4 / scale
    above = scores - scores[i]
    false = negatives - scores[i]
    false = false[false > -margin]
    near = above > -margin
    worse = near & (ious < ious[i])
    if not (len(false) or worse.any()):
        return None
    steps, others = (scale * false).sigmoid(), (scale * above[worse]).sigmoid()
    rank = (scale * above[near]).sigmoid().sum() + steps.sum()
    loss = F.binary_cross_entropy(steps, torch.zeros_like(steps), reduction="sum")
    loss = loss + F.binary_cross_entropy(others, torch.zeros_like(others), reduction="sum")
    return ious[i] * loss / rank.detach() / scale


LOOPED: dict[str, Callable[..., tuple[Tensor, ...]]] = {
    "ap": ap,
    "alrp": alrp,
    "rank_sort": rank_sort,
    "ape": ape,
}
