"""Sums and flat problems over all processes of a training. With one process nothing changes."""

from typing import Any

import torch
from torch import Tensor, distributed

from rankdet.losses.flat_problem import FlatProblem


def process_count() -> int:
    """Returns the number of processes of the training; 1 without torch.distributed."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_world_size()
    return 1


def sum_over_processes(values: Tensor) -> Tensor:
    """Sums `values` over all processes, in place, and returns them."""
    if process_count() > 1:
        distributed.all_reduce(values)
    return values


def mean_over_processes(value: Tensor) -> Tensor:
    """Returns the mean of a detached value over all processes; the value itself in one process."""
    count = process_count()
    return value if count == 1 else sum_over_processes(value.detach().clone()) / count


class _ScaledGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, factor: int) -> Tensor:
        ctx.factor = factor
        return values.view_as(values)

    @staticmethod
    def backward(ctx: Any, *incoming: Tensor) -> tuple[Tensor, None]:
        return incoming[0] * ctx.factor, None


def all_rows(values: Tensor, counts: list[int]) -> list[Tensor]:
    """Returns the rows of a tensor in every process, without gradient.

    Args:
        values: (n, ...); only n may differ between the processes.
        counts: n in each process.
    """
    padded = values.new_zeros(max(counts), *values.shape[1:])
    padded[: len(values)] = values.detach()
    parts = [torch.empty_like(padded) for _ in counts]
    distributed.all_gather(parts, padded)
    return [part[:count] for part, count in zip(parts, counts, strict=True)]


def gathered(problem: FlatProblem) -> FlatProblem:
    """Returns one problem with the images of all processes.

    It has the logits, labels, IoUs, box errors, image indices and Dice coefficients of every
    process, but no predicted boxes. Only the rows of this process have a gradient. It is multiplied
    by the number of processes, because DistributedDataParallel takes the mean afterwards. So the
    parameters get the gradient of the loss of all images.

    Args:
        problem: this process's problem.
    """
    count = process_count()
    if count == 1:
        return problem
    rank = distributed.get_rank()
    device, extras = problem.logits.device, problem.extras
    images = extras.get("image_index")
    if images is None:
        images = torch.zeros_like(problem.labels)
    last = int(images.max()) + 1 if len(images) else 0
    own = torch.tensor([[len(problem.labels), problem.n_positives, last]], device=device)
    rows, positives, n_images = (c.tolist() for c in torch.cat(all_rows(own, [1] * count)).T)

    def joined(values: Tensor, counts: list[int]) -> list[Tensor]:
        parts = all_rows(values, counts)
        if values.requires_grad:
            parts[rank] = _ScaledGradient.apply(values, count)
        return parts

    exact = problem.logits.dtype in (torch.float32, torch.float64)
    logits = torch.cat(joined(problem.logits if exact else problem.logits.float(), rows))
    facts = torch.stack([problem.labels, problem.ignore.long(), images], 1)
    parts = all_rows(facts, rows)
    for index, part in enumerate(parts):
        part[:, 2] += sum(n_images[:index])
    labels, ignore, images = torch.cat(parts).T.contiguous()
    found = problem.ious.new_zeros(sum(positives), 4)
    more = {"image_index": images} if "image_index" in extras else {}
    if "dice" in extras:
        more["dice"] = torch.cat(all_rows(extras["dice"].float(), positives))
    return FlatProblem(
        logits,
        labels,
        ignore.bool(),
        found,
        found,
        more,
        ious=torch.cat(all_rows(problem.ious, positives)),
        box_errors=torch.cat(joined(problem.box_errors, positives)),
        error_range=problem.error_range,
    )
