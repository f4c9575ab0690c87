"""Adaptive Pairwise Error loss (Xu et al., CVPR 2022)."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from rankdet.losses import kernels
from rankdet.losses.arguments import number, one_of, whole
from rankdet.losses.checks import check, check_bound, check_labels, check_range
from rankdet.losses.error_driven import attach, group_labels, total
from rankdet.losses.operators import operator
from rankdet.losses.ranks import gradient_dtype
from rankdet.losses.sigmoid_cells import SigmoidCells
from rankdet.losses.sigmoid_pairs import SigmoidPairs
from rankdet.losses.tensors import check_inputs

WINDOW = 4.0  # pairs with λ (s_v - s_u) <= -4 are left out
CLAMP = 100.0  # PyTorch's binary cross entropy clamps its logarithms to at least -100
NUMERICS = ("stable", "official")


def _cross_entropy(z: Tensor, official: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Returns σ(z), ``BCE(σ(z), 0)`` and its derivative by z; all are 0 for z = -inf."""
    sigma = z.sigmoid()
    if not official:
        return sigma, F.softplus(z, threshold=50), sigma
    rest = 1 - sigma  # 0 in float32 for z > 17: the clamped logarithm has no gradient
    if z.dtype == torch.float32:
        slope = sigma * (rest > 0)
    else:  # PyTorch's cross entropy divides by max(σ(1 - σ), 1e-12)
        spread = sigma * rest
        slope = sigma * spread / spread.clamp(min=1e-12)
    return sigma, rest.log_().clamp_(min=-CLAMP).neg_(), slope


class _Sums:
    """Loss and gradients of one group, before division by the number of positives with pairs."""

    def __init__(self, pairs: SigmoidPairs, ious: Tensor, official: bool) -> None:
        self.pairs, self.official = pairs, official
        self.ious = ious.detach().to(pairs.dtype)[pairs.order]
        self.loss = torch.zeros((), dtype=torch.float64, device=ious.device)
        self.count = torch.zeros_like(self.loss)
        self.by_positives = torch.zeros_like(pairs.scores, dtype=torch.float64)
        if not official and pairs.many():
            self._add_cells()
        else:
            self._add_tiles()

    def _add_cells(self) -> None:
        cells = SigmoidCells(self.pairs.scores, self.pairs.negatives, self.pairs.scale, WINDOW)
        false, errors, found = cells.sums()
        shares = torch.empty_like(false)
        for rows in self.pairs.rows():
            shares[rows] = self._add(rows, false[rows], errors[rows], found[rows], false[rows])
        self.by_negatives = cells.field(shares)

    def _add_tiles(self) -> None:
        self.by_negatives = torch.zeros_like(self.pairs.negatives, dtype=torch.float64)
        heights = F.pad(self.pairs.negatives.double().cumsum(0), (1, 0))
        for rows, columns, z in self.pairs.tiles():
            far = columns.start
            sigma, entropy, slope = _cross_entropy(z, self.official)
            beyond = heights[far] - far * self.pairs.scores[rows].double()
            beyond = far * CLAMP if self.official else beyond * self.pairs.scale
            found = (z[:, :1] > -torch.inf).any(1) | (far > 0)  # the first negative is the highest
            slope_far = 0 if self.official else far
            share = self._add(
                rows,
                far + sigma.sum(1).double(),
                beyond + entropy.sum(1).double(),
                found,
                slope_far + slope.sum(1).double(),
            )
            self.by_negatives[columns] += share.to(slope) @ slope
            self.by_negatives[:slope_far] += share.sum()

    def _add(
        self, rows: slice, false: Tensor, errors: Tensor, found: Tensor, slopes: Tensor
    ) -> Tensor:
        """Adds positives, given what their negatives sum up to.

        Args:
            rows: the positives.
            false: Σ σ over the negatives; this and the others have one value per positive.
            errors: Σ of their cross entropies.
            found: whether there is a negative in the window.
            slopes: Σ of the derivatives of the cross entropies.

        Returns:
            The shares ``iou / rank`` of the positives.
        """
        among = self.pairs.among_positives(rows)
        sigma, entropy, slope = _cross_entropy(among, self.official)
        worse = (self.ious < self.ious[rows, None]) & (among > -torch.inf)
        slope = slope * worse
        share = self.ious[rows].double() / (false + sigma.sum(1).double())
        losses = errors + (entropy * worse).sum(1).double()
        self.loss += (share * losses).sum() / self.pairs.scale
        self.count += (worse.any(1) | found).sum() + self.pairs.scores[0].double() * 0  # NaN stays
        self.by_positives[rows] -= share * (slopes + slope.sum(1).double())
        self.by_positives += share.to(slope) @ slope
        return share


def _ape(
    logits: Tensor,
    labels: Tensor,
    ious: Tensor,
    group: Tensor | None,
    scale: float,
    max_negatives: int,
    official: bool,
    max_positives: int | None = None,
    checked: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    check(logits, labels, group, max_positives=max_positives)
    number("scale", scale, above=0)
    whole("max_negatives", max_negatives, 1)
    check_labels(labels)
    if checked:
        padded = labels if max_positives is not None else None
        check_range("ious", ious, 1.0, "the IoUs of the positives, in [0, 1]", padded)
    check_bound("ious", ious, max_positives)
    made = kernels.ape(
        *(logits, labels, ious, group, scale, WINDOW, max_negatives, official, max_positives)
    )
    if made is not None:
        return made
    group_sums, flat = [], logits.reshape(-1)
    with torch.autocast(logits.device.type, enabled=False):
        for own, members, n_positives in group_labels(logits, labels, group):
            pairs = SigmoidPairs(flat, own, scale, WINDOW / scale, WINDOW, max_negatives)
            n_positives = n_positives or len(pairs)
            if len(ious) < n_positives or (max_positives is None and len(ious) != n_positives):
                raise ValueError(f"{len(ious)} IoUs for {n_positives} positives")
            if len(pairs):
                own_ious = ious[:n_positives] if members is None else ious[members]
                group_sums.append(_Sums(pairs, own_ious, official))
    none = torch.zeros((), dtype=torch.float64, device=logits.device)
    found = torch.stack([p.count for p in group_sums]).sum() if group_sums else none
    count = found.clamp(min=1)

    def parts() -> Iterator[tuple[Tensor, Tensor]]:
        for p in group_sums:
            gradient = p.pairs.gradient(p.by_positives / count, p.by_negatives / count)
            yield p.loss / count, gradient.reshape(logits.shape)

    loss, gradient = total(logits, parts(), 1)
    return loss, gradient, found


def _shapes(logits: Tensor, *rest: object) -> tuple[Tensor, Tensor, Tensor]:
    dtype = gradient_dtype(logits)
    count = logits.new_empty((), dtype=torch.float64)
    return logits.new_empty((), dtype=dtype), torch.empty_like(logits, dtype=dtype), count


_run = operator("ape_loss", _ape, _shapes)


def ape_loss(
    logits: Tensor,
    labels: Tensor,
    ious: Tensor,
    *,
    scale: float = 8.0,
    max_negatives: int = 100_000,
    numerics: str = "stable",
    group: Tensor | None = None,
    max_positives: int | None = None,
) -> Tensor:
    """APE Loss: cross entropy of ranking pairs (Xu et al., CVPR 2022, Eq. 9).

    ``L = (1/M) Σ_u iou_u / (λ rank_u) Σ_{v ∈ A_u} BCE(σ(λ (s_v - s_u)), 0)``

    - ``A_u`` has the negatives and the positives of smaller IoU in the window ``s_v > s_u - 4/λ``.
    - ``rank_u`` is the sum of σ over everything in the window (½ for u itself), a constant.
    - M is the number of positives whose A_u is not empty. M and the IoU weight follow the released
      code.

    Args:
        logits: any shape, any floating dtype. Computed in float32, or float64 for float64 logits.
        labels: one per logit: 1 positive, 0 negative, -1 ignored.
        ious: (P,) IoU in [0, 1] of the positives in order of appearance. It gets no gradient.
        scale: λ > 0.
        max_negatives: Q, the number of highest negatives to keep (in the batch, or in each group).
        numerics: "stable" is exact. "official" saturates as the released code does: once
            ``1 - σ`` rounds to 0 (λx > 17 in float32), a pair costs 100 / λ and has no gradient.
            The paper's numbers were trained with "official".
        group: one integer per logit, such as an image index. Ranks are then taken within each
            group instead of the whole batch.
        max_positives: an upper bound of the number of positives. `ious` must then have this
            length; only its first P values count. With it, the loss can be captured in a CUDA
            graph.

    Returns:
        Scalar ≥ 0, float32 (float64 for float64 logits). Without positives it is 0 and connected to
        the graph.

    Raises:
        TypeError: The logits are not of a floating dtype.
        ValueError: A label has another value than those above (on a CPU; on a GPU only with
            RANKDET_CHECKS=on).
        ValueError: An IoU is NaN or outside [0, 1] by more than rounding (likewise).
        ValueError: numerics is unknown, the scale is not positive, max_negatives is not a whole
            number of 1 or more, or the number of labels, groups or IoUs does not match. On a GPU
            the host does not wait for the number of positives: if the number of IoUs does not
            match, the loss is NaN.

    Example:
        >>> logits = torch.tensor([2.0, 1.0, -1.0], requires_grad=True)
        >>> ape_loss(logits, torch.tensor([1, 1, 0]), torch.tensor([0.6, 0.8])).backward()
    """
    return ape_loss_and_count(
        logits,
        labels,
        ious,
        scale=scale,
        max_negatives=max_negatives,
        numerics=numerics,
        group=group,
        max_positives=max_positives,
        checked=True,
    )[0]


def ape_loss_and_count(
    logits: Tensor,
    labels: Tensor,
    ious: Tensor,
    *,
    scale: float,
    max_negatives: int,
    numerics: str,
    group: Tensor | None,
    max_positives: int | None = None,
    checked: bool = False,
) -> tuple[Tensor, Tensor]:
    """Returns APE Loss and its M, a float64 scalar ≥ 0 without gradient (NaN beside a NaN logit).

    Arguments and errors as `ape_loss`. IoUs are checked only with `checked`: in a training, a box
    that became NaN makes the loss NaN, which ends the run with a reason.
    """
    check_inputs(logits, labels, group, ious=ious)
    one_of("numerics", numerics, NUMERICS)
    loss, gradient, count = _run(
        logits.detach(),
        labels,
        ious.detach(),
        group,
        scale,
        max_negatives,
        numerics == "official",
        max_positives,
        checked,
    )
    (loss,) = attach(logits, loss, gradient)
    return loss, count
