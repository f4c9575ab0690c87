"""Balances between classification and localisation: they set the weight of the box part.

The weight is a buffer, so checkpoints contain it.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from rankdet.losses.arguments import arguments_of, flag, kind_of, number, one_of, whole
from rankdet.losses.flat_problem import FlatProblem, require_problem
from rankdet.losses.output_checks import check_scalar
from rankdet.losses.processes import sum_over_processes


class Balance(nn.Module):
    """No balance: the weight of the box part is constant. The base class of the other balances.

    A balance is called with the losses of an iteration. It returns the weight of the box part, a
    detached scalar. The trainer calls `end_epoch` at the end of each epoch of the training data.

    Args:
        weight: the (first) weight, ≥ 0.

    Raises:
        ValueError: The weight is negative or not a number.
    """

    weight: Tensor

    def __init__(self, weight: float = 1.0) -> None:
        super().__init__()
        number("weight", weight)
        self.register_buffer("weight", torch.tensor(float(weight)))

    def extra_repr(self) -> str:
        """Returns the present weight, and the arguments that are kept."""
        kept = [part for part in arguments_of(self).split(", ") if part[:7] != "weight="]
        return ", ".join([f"weight={float(self.weight):g}", *filter(None, kept)])

    def forward(self, loss_cls: Tensor, loss_bbox: Tensor, problem: FlatProblem) -> Tensor:
        """Returns the weight of the box part in this iteration (a scalar without gradient).

        Args:
            loss_cls: the sum of all losses except the box part (scalar).
            loss_bbox: the box part before weighting (scalar).
            problem: the batch.
        """
        return self.weight

    def end_epoch(self, warming_up: bool = False) -> None:
        """Ends an epoch.

        Args:
            warming_up: Whether the warm-up of the learning rate continues in the next epoch.
        """


class ConstantBalance(Balance):
    """A constant weight (w_r in aLRP's Table 3)."""


class SelfBalanceEpoch(Balance):
    """aLRP's self-balance (§4.2): ``(mean L_cls + mean L_loc) / mean L_loc`` of the last epoch.

    The ratio of means is that of the released code. Unlike it, by default an epoch is one pass over
    the data and the means are over all processes. Checkpoints contain the sums. By default
    `DistributedDataParallel` overwrites the buffers with those of the first process, so each
    process also keeps its own sums outside the buffer.

    Args:
        initial: the weight in the first epoch.
        period: the length of an "epoch" in iterations (3,665 in the released code), which the
            trainer counts. None: one pass over the data.
        synchronise: whether to use the means over all processes. The released code balances each
            GPU separately.

    Raises:
        ValueError: the period is not positive.
    """

    sums: Tensor

    def __init__(
        self, initial: float = 50.0, period: int | None = None, synchronise: bool = True
    ) -> None:
        super().__init__(initial)
        self.period = None if period is None else whole("period", period, 1)
        self.synchronise = flag("synchronise", synchronise)
        self.initial = initial
        self.register_buffer("sums", torch.zeros(2, dtype=torch.float64))
        self._own: Tensor | None = None
        self.register_load_state_dict_post_hook(SelfBalanceEpoch._forget)

    def _forget(self, _: Any) -> None:
        self._own = None

    def forward(self, loss_cls: Tensor, loss_bbox: Tensor, problem: FlatProblem) -> Tensor:
        """Returns the weight; adds the losses to the sums of this epoch (in training mode only)."""
        if self.training:
            before = self.sums if self._own is None else self._own
            losses = _pair(loss_cls, loss_bbox)
            self._own = before + losses.to(before)
            self.sums.copy_(self._own)
        return self.weight.clone()

    @torch.no_grad()
    def end_epoch(self, warming_up: bool = False) -> None:
        """Sets the weight of the next epoch. Without any localisation loss the weight stays.

        Args:
            warming_up: If true, the weight stays. In the paper the warm-up ends within the first
                epoch. If epochs are shorter, boxes of an untrained detector would set the weight.
        """
        sums = self.sums.clone()
        loss_cls, loss_loc = sum_over_processes(sums) if self.synchronise else sums
        if loss_loc > 0 and not warming_up:
            self.weight.copy_((loss_cls + loss_loc) / loss_loc)
        self.sums.zero_()
        self._own = None


class SelfBalanceIteration(Balance):
    """Rank & Sort's self-balance by value: ``L_cls / L_box`` of each iteration.

    Args:
        synchronise: whether to use the sums over all processes. The released code does not: each
            process uses its own losses.
    """

    def __init__(self, synchronise: bool = False) -> None:
        super().__init__(1.0)
        self.synchronise = flag("synchronise", synchronise)

    @torch.no_grad()
    def forward(self, loss_cls: Tensor, loss_bbox: Tensor, problem: FlatProblem) -> Tensor:
        """Returns the ratio of the losses, or 1 if the box loss is 0."""
        return self._ratio(_pair(loss_cls, loss_bbox).float())

    def _ratio(self, pair: Tensor) -> Tensor:
        top, bottom = sum_over_processes(pair) if self.synchronise else pair
        safe = torch.where(bottom > 0, bottom, 1)
        self.weight.copy_(torch.where(bottom > 0, top / safe, 1))
        return self.weight.clone()


class GradientMagnitudeBalance(SelfBalanceIteration):
    """Rank & Sort's self-balance by magnitude (Table S1): ``|∂L_cls/∂s| / |∂L_box/∂b|``.

    The norms are L1 norms. s are the logits; b are the outputs of the box head
    (``extras["pred_deltas"]``) or, without them, the predicted boxes.
    """

    def forward(self, loss_cls: Tensor, loss_bbox: Tensor, problem: FlatProblem) -> Tensor:
        """Returns the ratio of the gradients' L1 norms, or 1 if the box part has no gradient."""
        require_problem(problem)
        _pair(loss_cls, loss_bbox)
        boxes = problem.extras.get("pred_deltas")
        if boxes is None or not boxes.requires_grad:
            boxes = problem.pred_boxes
        pair = [_magnitude(loss_cls, problem.logits), _magnitude(loss_bbox, boxes)]
        with torch.no_grad():
            return self._ratio(torch.stack(pair))


def _pair(loss_cls: Tensor, loss_bbox: Tensor) -> Tensor:
    for name, loss in (("loss_cls", loss_cls), ("loss_bbox", loss_bbox)):
        check_scalar(name, loss)
    return torch.stack([loss_cls.detach().reshape(()), loss_bbox.detach().reshape(())])


def _magnitude(loss: Tensor, inputs: Tensor) -> Tensor:
    if not (loss.requires_grad and inputs.requires_grad):
        return loss.new_zeros((), dtype=torch.float32)
    (gradient,) = torch.autograd.grad(loss, inputs, retain_graph=True, allow_unused=True)
    return loss.new_zeros(()) if gradient is None else gradient.float().abs().sum()


BALANCES: dict[str, type[Balance]] = {
    "none": Balance,
    "constant": ConstantBalance,
    "self-epoch": SelfBalanceEpoch,
    "self-iteration": SelfBalanceIteration,
    "gradient-magnitude": GradientMagnitudeBalance,
}


def build_balance(config: Mapping[str, Any]) -> Balance:
    """Makes a balance from a plain mapping, such as ``{"type": "self-epoch", "initial": 50}``.

    Raises:
        ValueError: The type or a key is unknown, or the config is not a mapping.
    """
    if not isinstance(config, Mapping):
        raise ValueError(
            f"balance is {kind_of(config)}; give a mapping, such as {{'type': 'self-iteration'}}"
        )
    options = dict(config)
    kind = options.pop("type", "none")
    one_of("balance type", kind, BALANCES)
    try:
        return BALANCES[kind](**options)
    except TypeError as error:
        raise ValueError(f"balance {dict(config)}: {error}") from None
