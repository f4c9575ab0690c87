"""A loss that has no gradient by its own arithmetic: training would change nothing, in silence."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rankdet.errors import InputError
from rankdet.training.rows import Row

if TYPE_CHECKING:  # the import at run time must come after `environment.set_up`
    from rankdet.detectors.criterion_head import CriterionHead

FIRST = 10  # iterations; a loss that trains has a gradient in one of them


class FirstGradients:
    """Ends a training in which a loss has no gradient in the first iterations."""

    def __init__(self) -> None:
        self._rows: list[Row] = []

    def add(self, row: Row, heads: Sequence["CriterionHead"]) -> None:
        """Adds the row of an iteration; later ones, and those of a resumed training, are ignored.

        Raises:
            InputError: As `require_gradient`.
        """
        if len(self._rows) < FIRST and row["iteration"] == len(self._rows) + 1:
            self._rows.append(row)
            if len(self._rows) == FIRST:
                require_gradient(self._rows, heads)


def require_gradient(rows: Sequence[Row], heads: Sequence["CriterionHead"]) -> None:
    """Checks that the loss of each head had a gradient in an iteration with positives.

    Args:
        rows: The first rows of the training, or all.
        heads: The heads of the detector.

    Raises:
        InputError: With file and line of the loss, if all gradients at the logits are exactly 0.
    """
    from rankdet.detectors.loss_faults import place

    for head in heads:
        prefix = head.record_prefix if len(heads) > 1 else ""
        counted = [row for row in rows if row.get(f"{prefix}num_pos")]
        sums = [row[f"{prefix}{name}"] for row in counted for name in ("grad_pos", "grad_neg")]
        if sums and not any(sums) and head.criterion.weight:
            raise InputError(
                f"{place(head.criterion.classification)}: the gradient of the loss is 0 at every "
                f"logit in {len(counted)} iterations with positives, so nothing is learned; the "
                "loss must change with the logits (round, sign, argmax and * 0 have no gradient)"
            )
