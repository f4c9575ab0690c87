"""Error-driven gradients: computed with the loss in forward, scaled in backward.

``ranked_groups`` splits a batch into groups and ranks each. ``total`` adds the losses and gradients
of the groups. ``attach`` connects a loss to the gradient that was computed for it.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from rankdet.losses.checks import check
from rankdet.losses.ranks import Ranking, gradient_dtype


class _Attach(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, *made: Tensor) -> tuple[Tensor, ...]:
        losses, gradients = made[: len(made) // 2], made[len(made) // 2 :]
        ctx.save_for_backward(*gradients)
        ctx.dtype = logits.dtype
        return tuple(loss.clone() for loss in losses)

    @staticmethod
    def backward(ctx: Any, *incoming: Tensor) -> tuple[Tensor | None, ...]:
        # Scale in float32, then cast: a loss scaler then keeps small gradients in float16.
        first, *others = zip(ctx.saved_tensors, incoming, strict=True)
        gradient = first[0] * first[1]
        for more, weight in others:
            gradient.addcmul_(more, weight)
        return gradient.to(ctx.dtype), *(None for _ in range(2 * len(incoming)))


def attach(logits: Tensor, *made: Tensor) -> tuple[Tensor, ...]:
    """Returns losses that are connected to the logits and have the given gradients.

    Args:
        logits: any shape.
        made: the losses (scalars), then the gradient of each, in the shape of the logits.
    """
    return _Attach.apply(logits, *made)


class RankedGroup(NamedTuple):
    """The ranks of one group of logits (without groups: of the whole batch).

    Attributes:
        ranks: the ranks within the group.
        members: indices of the group's positives among all positives of the batch; None means all.
        n_positives: the number of positives in the batch.
    """

    ranks: Ranking
    members: Tensor | None
    n_positives: int

    def select(self, values: Tensor) -> Tensor:
        """Returns the group's part of one value per positive of the batch."""
        return values if self.members is None else values[self.members]


def group_labels(
    logits: Tensor, labels: Tensor, group: Tensor | None = None
) -> Iterator[tuple[Tensor, Tensor | None, int | None]]:
    """Yields the labels of every group that has positives (without groups: of the batch).

    Args:
        logits: any shape.
        labels: one per logit: 1 positive, 0 negative, -1 ignored.
        group: one integer per logit, such as an image index. None ranks the whole batch together.

    Yields:
        The flat labels, in which all other groups are ignored; the indices of the group's positives
        among all positives (None: all of them); the number of positives in the batch (None if it
        has not been counted: counting makes the host wait for a GPU).

    Raises:
        ValueError: The number of labels or groups does not match.
    """
    check(logits, labels, group)
    flat = labels.detach().reshape(-1)
    if group is None:
        yield flat, None, None
        return
    if flat.dtype in (torch.bool, torch.uint8):  # they have no -1 for the other groups
        flat = flat.to(torch.int8)
    group = group.reshape(-1)
    owners = group[flat == 1]
    for owner in owners.unique().tolist():
        own = flat.where(group == owner, flat.new_full((), -1))
        yield own, (owners == owner).nonzero().squeeze(1), len(owners)


def ranked_groups(
    logits: Tensor,
    labels: Tensor,
    delta: float,
    group: Tensor | None = None,
    max_positives: int | None = None,
) -> Iterator[RankedGroup]:
    """Yields the ranks of every group that has positives (without groups: of the batch).

    Args:
        logits: any shape.
        labels: one per logit: 1 positive, 0 negative, -1 ignored.
        delta: half the width of the ramp of H, ≥ 0.
        group: one integer per logit, or None.
        max_positives: the largest number of positives that is allowed. None: any number.

    Raises:
        ValueError: delta is negative, the number of labels or groups does not match, or there are
            too many positives.
    """
    check(logits, labels, group, delta)
    for own, members, n_positives in group_labels(logits, labels, group):
        ranks = Ranking(logits, own, delta)
        if len(ranks):
            n_positives = n_positives or len(ranks)
            if max_positives is not None and n_positives > max_positives:
                raise ValueError(f"{n_positives} positives, but max_positives is {max_positives}")
            yield RankedGroup(ranks, members, n_positives)


def total(logits: Tensor, parts: Iterable[tuple[Tensor, ...]], n_losses: int) -> list[Tensor]:
    """Adds the losses and gradients of all parts. Returns zeros if there is no part.

    Args:
        logits: they give the shape, dtype and device.
        parts: tuples of `n_losses` scalars and then `n_losses` gradients in the logits' shape.
        n_losses: the number of losses in a part.
    """
    dtype = gradient_dtype(logits)
    sums: list[Tensor] = []
    for part in parts:
        sums = [a + b for a, b in zip(sums, part, strict=True)] if sums else list(part)
    if not sums:
        sums = [torch.zeros((), dtype=dtype, device=logits.device)] * n_losses
        return [s.clone() for s in sums] + [
            torch.zeros_like(logits, dtype=dtype) for _ in range(n_losses)
        ]
    return [s.to(dtype) for s in sums]
