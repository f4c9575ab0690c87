"""Error-driven gradients: computed with the loss in forward, scaled in backward.

``ranked_groups`` splits a batch into groups and ranks each. ``total`` adds the losses and gradients
of the groups. ``attach`` connects a loss to the gradient that was computed for it. ``ranking_op``
registers a loss with PyTorch as one operator, so that ``torch.compile(fullgraph=True)`` accepts it.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from typing import Any, NamedTuple

import torch
from torch import Tensor

from rankdet.losses import device
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
        TypeError: The logits are not of a floating dtype.
        ValueError: The number of labels or groups does not match.
    """
    check(logits, labels, group)
    flat = labels.detach().reshape(-1)
    if group is None:
        yield flat, None, None
        return
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
        TypeError: The logits are not of a floating dtype.
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


def check(logits: Tensor, labels: Tensor, group: Tensor | None = None, delta: float = 0.0) -> None:
    """Checks what can be checked without reading values.

    Raises:
        TypeError: The logits are not of a floating dtype.
        ValueError: delta is negative, or the number of labels or groups does not match.
    """
    if delta < 0:
        raise ValueError(f"delta is {delta}; it must not be negative")
    if not logits.is_floating_point():
        raise TypeError(f"logits are {logits.dtype}; a floating dtype is needed")
    for name, values in (("labels", labels), ("group", group)):
        if values is not None and values.numel() != logits.numel():
            raise ValueError(
                f"{values.numel()} {name} for {logits.numel()} logits; the numbers must be equal"
            )


def check_labels(labels: Tensor, soft: bool = False) -> None:
    """Checks the values of labels, on a CPU only: on a GPU the host would have to wait.

    Args:
        labels: one per logit.
        soft: whether a positive has its quality in (0, 1] instead of 1.

    Raises:
        ValueError: A value is none of 1, 0 and -1 (soft: NaN, above 1 or below -1).
    """
    if not device.on_cpu(labels) or labels.numel() == 0 or labels.dtype == torch.bool:
        return
    low, high = (float(value) for value in labels.detach().aminmax())
    wrong = low if not low >= -1 else high
    if low >= -1 and high <= 1:
        if soft or not labels.is_floating_point():
            return
        between = labels[labels != labels.round()]
        if len(between) == 0:
            return
        wrong = float(between[0])
    meaning = "the quality of a positive in (0, 1]" if soft else "1 for a positive"
    name = "targets" if soft else "labels"
    raise ValueError(f"{name} have the value {wrong:g}; use {meaning}, 0 negative, -1 ignored")


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


def ranking_op(name: str, n_losses: int = 1) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Returns a decorator that registers a function as PyTorch operator ``rankdet::name``.

    The first argument of the function is the logits. It returns `n_losses` scalars and then
    `n_losses` gradients in the shape of the logits.
    """

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        op = torch.library.custom_op(f"rankdet::{name}", function, mutates_args=())

        @op.register_fake
        def _(logits: Tensor, *rest: Any) -> tuple[Tensor, ...]:
            dtype = gradient_dtype(logits)
            losses = [logits.new_empty((), dtype=dtype) for _ in range(n_losses)]
            gradients = [torch.empty_like(logits, dtype=dtype) for _ in range(n_losses)]
            return (*losses, *gradients)

        return operator_if_compiling(op, function)

    return register


def operator_if_compiling(
    operator: Callable[..., Any], function: Callable[..., Any]
) -> Callable[..., Any]:
    """Returns a function that calls the operator in compiled code, and else the function itself.

    Calling a function takes the host less time than calling an operator.

    Args:
        operator: what `torch.library.custom_op` made of the function.
        function: the function; it is called without recording gradients.
    """
    direct = torch.no_grad()(function)

    @wraps(function)
    def call(*args: Any) -> Any:
        return operator(*args) if torch.compiler.is_compiling() else direct(*args)

    return call
