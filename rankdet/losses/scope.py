"""The images that a criterion ranks together: `rank_scope` in the schedule of a study."""

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from rankdet.losses.flat_problem import FlatProblem
from rankdet.losses.problem_checks import FACTORS, ROWS_OF_ANCHORS

KINDS = ("gpu", "batch", "image")
GROUPS = re.compile(r"groups of ([1-9][0-9]*)")


def parse_scope(scope: str) -> tuple[str, int]:
    """Returns the kind of a scope (`gpu`, `batch`, `image`, `groups`) and its images per group.

    Args:
        scope: `gpu`: all images of a process; `batch`: all images of all processes; `image`: each
            image separately; `groups of n`: n images of a process, as on a GPU with n images.

    Raises:
        ValueError: the scope is unknown.
    """
    found = GROUPS.fullmatch(scope)
    if found:
        return "groups", int(found.group(1))
    if scope not in KINDS:
        raise ValueError(f"rank_scope is {scope!r}; known are {', '.join(KINDS)}, groups of n")
    return scope, 0


def set_rank_scope(model: nn.Module, scope: str) -> None:
    """Sets which images every criterion of a detector ranks together.

    Args:
        model: a detector, or any module with criteria below it.
        scope: as in `parse_scope`.

    Raises:
        ValueError: the scope is unknown.
    """
    kind, size = parse_scope(scope)
    for module in model.modules():
        changes: dict[str, Any] = {}
        if hasattr(module, "images_per_group"):
            changes = {"scope": kind, "images_per_group": size}
        if kind in ("batch", "image") and hasattr(module, "synchronise"):
            changes["synchronise"] = True  # all processes act as one
        if kind == "image" and hasattr(module, "per_image"):
            changes["per_image"] = True
        for name, value in changes.items():
            setattr(module, name, value)


def image_groups(problem: FlatProblem, size: int) -> list[FlatProblem]:
    """Splits a problem into groups of images. Normalisers are divided by the number of groups.

    Args:
        problem: a batch, with ``extras["image_index"]``.
        size: images per group; the last group may have fewer.

    Raises:
        ValueError: there is no image index.
    """
    if "image_index" not in problem.extras:
        raise ValueError("`groups of n` needs 'image_index' (A,); pass it in `extras=`")
    owners = problem.extras["image_index"].div(size, rounding_mode="floor")
    count = int(owners.max()) + 1 if len(owners) else 1
    if count == 1:
        return [problem]
    owners_of_positives = owners[problem.positives]
    return [_group(problem, owners == g, owners_of_positives == g, count) for g in range(count)]


def _group(problem: FlatProblem, rows: Tensor, positives: Tensor, count: int) -> FlatProblem:
    rows, positives = (mask.nonzero().squeeze(1) for mask in (rows, positives))
    return FlatProblem(
        problem.logits[rows],
        problem.labels[rows],
        problem.ignore[rows],
        problem.pred_boxes[positives],
        problem.target_boxes[positives],
        _extras(problem.extras, rows, positives, count),
    )


def _extras(
    extras: Mapping[str, Any], rows: Tensor, positives: Tensor, count: int
) -> dict[str, Any]:
    found = {}
    for name, value in extras.items():
        if name == "positives":  # indices of the whole batch
            continue
        if name in FACTORS:
            found[name] = torch.as_tensor(value / count).clamp(min=1)
        elif isinstance(value, Tensor):
            found[name] = value[rows if name in ROWS_OF_ANCHORS else positives]
        else:
            found[name] = value
    return found
