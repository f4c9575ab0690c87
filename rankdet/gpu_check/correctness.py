"""Part `correctness`: every loss gives on the device what it gives on the host.

The reference is the plain PyTorch path on the CPU, with the same dtype.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from rankdet.gpu_check import kernels
from rankdet.gpu_check.budget import Context, steps
from rankdet.gpu_check.cases import DELTAS, Problem, problems
from rankdet.losses import functional
from rankdet.training.attempts import FAILED, MEASURED, Row

# Largest accepted difference, as a share of the largest value. A half-precision gradient is rounded
# at the end, so it can differ by one unit of its last place.
TOLERANCE = {torch.float32: 2e-5, torch.bfloat16: 1e-2, torch.float16: 2e-3}
IMAGES = 4  # groups in the cases that rank within images
SMALLEST = 1e-6  # values below this count as 0: their digits come from cancellation

Loss = Callable[..., Tensor | tuple[Tensor, Tensor]]


def _targets(labels: Tensor, ious: Tensor) -> Tensor:
    targets = labels.float()
    return targets.index_copy(0, (labels == 1).nonzero().squeeze(1), ious.to(targets.dtype))


LOSSES: dict[str, Loss] = {
    "ap": lambda x, y, q, **o: functional.ap_loss(x, y, **o),
    "alrp": lambda x, y, q, **o: functional.alrp_loss(x, y, 1 - q, **o),
    "rank_sort": lambda x, y, q, **o: functional.rank_sort_loss(x, _targets(y, q), **o),
    "ape": lambda x, y, q, **o: functional.ape_loss(x, y, q, **o),
    "ape, official": lambda x, y, q, **o: functional.ape_loss(x, y, q, numerics="official", **o),
    "ndcg": lambda x, y, q, **o: functional.ndcg_loss(x, y, **o),
    "pairwise, step": lambda x, y, q, **o: functional.pairwise_error_loss(x, y, **o),
    "pairwise, sigmoid": lambda x, y, q, **o: functional.pairwise_error_loss(
        x, y, distance="sigmoid", **o
    ),
    "pairwise, entropy": lambda x, y, q, **o: functional.pairwise_error_loss(
        x, y, distance="cross_entropy", balance="negatives", **o
    ),
    "dr": lambda x, y, q, **o: functional.dr_loss(x, y, **o),
}
WITHOUT_DELTA = ("ape", "ape, official", "pairwise, sigmoid", "pairwise, entropy", "dr")


class Case(NamedTuple):
    """A problem with a dtype and the options of a loss.

    Attributes:
        options: Options of the loss, such as `delta`. Empty: the defaults.
        grouped: Whether to rank within images instead of the whole batch.
    """

    problem: Problem
    dtype: torch.dtype
    options: dict[str, Any]
    grouped: bool

    @property
    def name(self) -> str:
        """The case in words."""
        words = [self.problem.name, str(self.dtype).removeprefix("torch.")]
        words += [f"{key} {value:g}" for key, value in self.options.items()]
        return ", ".join([*words, *(["within images"] if self.grouped else [])])


def cases(loss: str, size: str) -> Iterator[Case]:
    """Yields the cases of a loss; every problem with its default options, some with others."""
    for problem in problems(size):
        yield Case(problem, torch.float32, {}, False)
        yield Case(problem, torch.float32, {}, True)
        for dtype in (torch.bfloat16, torch.float16):
            yield Case(problem, dtype, {}, False)
        for delta in () if loss in WITHOUT_DELTA else DELTAS:
            yield Case(problem, torch.float32, {"delta": delta}, False)


def rows(context: Context) -> Iterator[Row]:
    """Yields one row per loss and form: `cases`, the worst differences, and `passed`."""
    every = [{"loss": loss, "form": form} for loss in LOSSES for form in kernels.forms(loss)]
    skipped, items = kernels.runnable(every, context.device)
    yield from skipped
    yield from steps(items, lambda item: compare(item["loss"], item["form"], context), context)


def compare(loss: str, form: str, context: Context) -> Row:
    """Compares the device with the host on all cases of one loss.

    Args:
        loss: A key of `LOSSES`.
        form: `plain` or `fused`, on the device.
        context: The part's context; comparing stops at the end of its budget.

    Returns:
        `cases` (their number), `worst_loss` and `worst_gradient` (the largest difference, as a
        share of the largest value, in float32), `worst_case`, `wrong` (the cases beyond the
        tolerance) and `passed`.
    """
    wrong: list[str] = []
    worst, worst_case, count = (0.0, 0.0), "", 0
    for case in cases(loss, context.size):
        if context.budget.left() <= 0:
            break
        found = _differences(loss, form, case, context.device)
        count += 1
        tolerance = TOLERANCE[case.dtype]
        if not all(difference <= tolerance for difference in found):  # a NaN is wrong, too
            wrong.append(case.name)
        if case.dtype == torch.float32:
            worst_case = case.name if max(found) > max(worst) else worst_case
            worst = (max(worst[0], found[0]), max(worst[1], found[1]))
    return {
        "status": FAILED if wrong else MEASURED,
        **({"reason": f"differs in {len(wrong)} cases, first: {wrong[0]}"} if wrong else {}),
        "cases": count,
        "worst_loss": worst[0],
        "worst_gradient": worst[1],
        "worst_case": worst_case,
        "wrong": wrong,
        "passed": not wrong,
    }


def _differences(loss: str, form: str, case: Case, device: str) -> tuple[float, float]:
    """Returns the differences of the losses and of the gradients, as shares of the largest."""
    with kernels.using(kernels.PLAIN):
        expected = evaluate(loss, case, "cpu")
    with kernels.using(form):
        found = evaluate(loss, case, device)
    return _share(found[0], expected[0]), _share(found[1], expected[1])


def evaluate(loss: str, case: Case, device: str) -> tuple[Tensor, Tensor]:
    """Returns a loss and the gradient of its sum in the logits, in float64 on the host.

    Args:
        loss: A key of `LOSSES`.
        case: The case.
        device: Where it is computed.
    """
    problem = case.problem
    logits = problem.logits.to(case.dtype).to(device).requires_grad_()
    labels, ious = problem.labels.to(device), problem.ious.to(device)
    options = dict(case.options)
    if case.grouped:
        options["group"] = torch.arange(len(labels), device=device) % IMAGES
    made = LOSSES[loss](logits, labels, ious, **options)
    parts = torch.stack([made] if isinstance(made, Tensor) else list(made))
    (gradient,) = torch.autograd.grad(parts.sum(), logits, allow_unused=True)
    if gradient is None:
        gradient = torch.zeros_like(logits)
    return parts.detach().double().cpu(), gradient.double().cpu()


def _share(found: Tensor, expected: Tensor) -> float:
    if not torch.equal(found.isfinite(), expected.isfinite()):
        return float("inf")
    found, expected = found.nan_to_num(0, 0, 0), expected.nan_to_num(0, 0, 0)
    return float((found - expected).abs().max() / expected.abs().max().clamp(min=SMALLEST))
