"""A trial of a user's loss on random tensors when a job starts: its faults cost no training.

The trial builds criteria of its own, from a fresh import of the loss's file. So it changes no state
of the training, and no random number of it.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rankdet.detectors.criteria import build_criterion
from rankdet.detectors.loss_faults import located, located_in, own_place
from rankdet.errors import InputError
from rankdet.losses import Criterion
from rankdet.losses.output_checks import LossOutputError

ANCHORS, POSITIVES, IGNORED = 64, 8, 4
IMAGES = 2
MEAN_LOGIT = -3.0  # detectors start with scores of about .01 to .05


def try_losses(
    model: Mapping[str, Any], device: str, note: Callable[[str], None] | None = None
) -> None:
    """Tries the user's losses of a detector on random tensors, forward and backward.

    Args:
        model: mmdet's config of the model; each `criterion` in it is tried. Losses of this package
            are not tried.
        device: `cpu` or `cuda:<index>`.
        note: Called with a line if a loss cannot be used on a batch without positives.

    Raises:
        InputError: If a loss cannot train, with file and line of the user's code.
    """
    tried = []
    for options, classes in _criteria(model):
        if (options, classes) not in tried:  # the stages of a cascade have equal ones
            tried.append((options, classes))
            with _same_draws(device):
                _try(options, classes, device, note)


def _criteria(config: Any) -> Iterator[tuple[Mapping[str, Any], int]]:
    """The arguments of each criterion in a model's config, with its number of classes."""
    if isinstance(config, Mapping):
        if config.get("criterion"):
            yield config["criterion"], int(config.get("num_classes", 1))  # an RPN has one class
        config = list(config.values())
    if isinstance(config, list | tuple):
        for part in config:
            yield from _criteria(part)


@contextmanager
def _same_draws(device: str) -> Iterator[None]:
    """Leaves all generators of random numbers as they are."""
    drawn, numpy_drawn = random.getstate(), np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng([device] if device.startswith("cuda") else []):
        yield
    random.setstate(drawn)
    np.random.set_state(numpy_drawn)  # noqa: NPY002


def _try(
    options: Mapping[str, Any], classes: int, device: str, note: Callable[[str], None] | None
) -> None:
    criterion = build_criterion(**options)
    where = own_place(criterion.classification)
    if where is None:
        return
    criterion.to(device)
    file = options.get("loss_file")
    losses, logits = _losses(criterion, file, classes, device, POSITIVES)
    _check_values(where, losses)
    with located_in(file):
        sum(losses.values(), logits.new_zeros(())).backward()
    _check_gradient(where, logits.grad)
    if note is None:
        return
    try:
        losses, _ = _losses(criterion, file, classes, device, 0)
        _check_values(where, losses)
    except InputError as error:
        note(f"a batch without positives would end the training: {error}")


def _losses(
    criterion: Criterion, file: str | None, classes: int, device: str, positives: int
) -> tuple[dict[str, Tensor], Tensor]:
    """Returns the losses of a random batch, and the logits that they depend on."""
    leaf, problem, extras = random_problem(classes, device, positives)
    part = criterion.classification
    inputs = [(tensor, tensor._version) for tensor in problem]

    def note_inputs(_: Any, given: tuple[Tensor, ...]) -> None:
        inputs.extend((tensor, tensor._version) for tensor in given)

    hook = part.register_forward_pre_hook(note_inputs)
    with located(part, file):
        losses = criterion(*problem, extras)
        if any(tensor._version != before for tensor, before in inputs):
            raise LossOutputError(
                "the loss changes its input in place, which other losses and the records read; "
                "work on a copy, as logits.clone()"
            )
    hook.remove()
    return {name: value for name, value in losses.items() if "loss" in name}, leaf


def random_problem(
    classes: int, device: str, positives: int
) -> tuple[Tensor, tuple[Tensor, ...], dict[str, Any]]:
    """Returns a random batch, the same in every call.

    Args:
        classes: The number of classes C.
        device: Where the tensors are.
        positives: The number of positives P.

    Returns:
        The leaf of the logits (A, C), the tensors of `Criterion.forward`, and its `extras`.
    """
    drawn = torch.Generator().manual_seed(0)
    leaf = torch.randn(ANCHORS, classes, generator=drawn) + MEAN_LOGIT
    labels = torch.full((ANCHORS,), classes)
    labels[:positives] = torch.arange(positives) % classes
    ignore = torch.arange(ANCHORS) >= ANCHORS - IGNORED
    corner = 64 * torch.rand(positives, 2, generator=drawn)
    target = torch.cat([corner, corner + 16], 1)
    predicted = target + torch.randn(positives, 4, generator=drawn)
    deltas = torch.randn(2, positives, 4, generator=drawn)
    quality = torch.rand(positives, generator=drawn)
    extras = {
        "anchors": target + 1,
        "pred_deltas": deltas[0],
        "target_deltas": deltas[1],
        "centerness_targets": quality,
        "dice": quality,
        "mask_errors": 1 - quality,
        "image_index": torch.arange(ANCHORS) * IMAGES // ANCHORS,
        "positives": torch.arange(positives),
        "background_logits": -leaf.detach()[:, :1],
    }
    leaf = leaf.to(device).requires_grad_()
    logits = leaf * 1  # not a leaf, as in a detector
    tensors = (labels, ignore, predicted.requires_grad_() * 1, target)
    moved = {name: value.to(device) for name, value in extras.items()}
    factor = {"avg_factor": torch.tensor(float(max(positives, 1)), device=device)}
    return leaf, (logits, *(tensor.to(device) for tensor in tensors)), {**moved, **factor}


def _check_values(where: str, losses: Mapping[str, Tensor]) -> None:
    for name, value in losses.items():
        if not value.isfinite():
            raise InputError(
                f"{where}: {name} is {float(value.detach())} on random logits; limit what "
                "enters log, division and square root"
            )


def _check_gradient(where: str, gradient: Tensor | None) -> None:
    if gradient is None:
        raise InputError(
            f"{where}: the loss has no gradient at the logits, so the classes would not be "
            "trained; compute it from the logits"
        )
    bad = int((~gradient.isfinite()).sum())
    if bad:
        raise InputError(
            f"{where}: the value of the loss is finite, but its gradient is not, at {bad} of "
            f"{gradient.numel()} random logits; limit what enters log, division, square root and "
            "power: torch.where also differentiates the branch that it does not take"
        )
