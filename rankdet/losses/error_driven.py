"""Error-driven gradients: made with the loss in forward, multiplied in backward.

``problems`` splits a batch into ranking problems, ``total`` adds their losses and gradients up, and
``attach`` gives a loss the gradient that was made for it. ``ranking_op`` registers a loss with
PyTorch as one opaque operator, so that ``torch.compile(fullgraph=True)`` accepts it.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

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
        # Scaled in float32 first: with a loss scaler, small gradients then survive float16.
        first, *others = zip(ctx.saved_tensors, incoming, strict=True)
        gradient = first[0] * first[1]
        for more, weight in others:
            gradient.addcmul_(more, weight)
        return gradient.to(ctx.dtype), *(None for _ in range(2 * len(incoming)))


def attach(logits: Tensor, *made: Tensor) -> tuple[Tensor, ...]:
    """Returns losses whose derivatives by the logits are given.

    Args:
        logits: of any shape; the losses are connected to them.
        made: the losses (scalars), then for each its gradient, in the shape of the logits.
    """
    return _Attach.apply(logits, *made)


class Problem(NamedTuple):
    """A ranking problem: its ranks, its positives' places among all P (None: all), and P."""

    ranks: Ranking
    members: Tensor | None
    n_positives: int

    def of(self, values: Tensor) -> Tensor:
        """Returns this problem's part of `values` (P,), which are in order of appearance."""
        return values if self.members is None else values[self.members]


def problem_labels(
    logits: Tensor, labels: Tensor, group: Tensor | None = None
) -> Iterator[tuple[Tensor, Tensor | None, int | None]]:
    """Yields the labels of each problem: the batch, or every group that has positives.

    Args:
        logits: any shape.
        labels: 1 positive, 0 negative, -1 ignored; as many as logits.
        group: an integer per logit (an image's index, say); None ranks everything together.

    Yields:
        Flat labels in which other groups are ignored; which of all positives are in this problem
        (None: all of them); the number of all positives (None: only looking at them would tell).
    """
    _check(logits, labels, group)
    flat = labels.detach().reshape(-1)
    if group is None:
        yield flat, None, None
        return
    group = group.reshape(-1)
    owners = group[flat == 1]
    for owner in owners.unique().tolist():
        own = flat.where(group == owner, flat.new_full((), -1))
        yield own, (owners == owner).nonzero().squeeze(1), len(owners)


def problems(
    logits: Tensor, labels: Tensor, delta: float, group: Tensor | None = None
) -> Iterator[Problem]:
    """Yields the ranks of each problem that has positives; arguments as `problem_labels`.

    Args:
        logits: any shape.
        labels: 1 positive, 0 negative, -1 ignored.
        delta: half the ramp's width of H.
        group: an integer per logit, or None.
    """
    if delta < 0:
        raise ValueError(f"delta is {delta}; it must not be negative")
    for own, members, n_positives in problem_labels(logits, labels, group):
        ranks = Ranking(logits, own, delta)
        if len(ranks):
            yield Problem(ranks, members, n_positives or len(ranks))


def _check(logits: Tensor, labels: Tensor, group: Tensor | None) -> None:
    if not logits.is_floating_point():
        raise TypeError(f"logits are {logits.dtype}; give a floating type")
    for name, values in (("labels", labels), ("group", group)):
        if values is not None and values.numel() != logits.numel():
            raise ValueError(f"{values.numel()} {name} for {logits.numel()} logits")


def total(logits: Tensor, parts: Iterable[tuple[Tensor, ...]], n_losses: int) -> list[Tensor]:
    """Adds up the parts' losses and gradients; zeros if there is no part.

    Args:
        logits: for shape, type and device.
        parts: tuples of `n_losses` scalars, then gradients in the shape of the logits.
        n_losses: how many losses; as many gradients follow.
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


def ranking_op(name: str, n_losses: int = 1) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Registers a function as operator ``rankdet::name``.

    The function's first argument is the logits; it returns `n_losses` scalars and as many
    gradients in the shape of the logits.
    """

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        op = torch.library.custom_op(f"rankdet::{name}", function, mutates_args=())

        @op.register_fake
        def _(logits: Tensor, *rest: Any) -> tuple[Tensor, ...]:
            dtype = gradient_dtype(logits)
            losses = [logits.new_empty((), dtype=dtype) for _ in range(n_losses)]
            gradients = [torch.empty_like(logits, dtype=dtype) for _ in range(n_losses)]
            return (*losses, *gradients)

        return op

    return register
