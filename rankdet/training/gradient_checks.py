"""What the records tell of a loss that cannot train: no gradient at all, or numbers not finite.

Without a gradient, by the loss's own arithmetic, training would change nothing, without a warning.
"""

import math
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


def divergence(row: Row, before: Row, heads: Sequence["CriterionHead"]) -> str:
    """Returns in one line which loss is not finite, and the user's code that computes it.

    Args:
        row: The row of the iteration whose loss is not finite.
        before: The row of the iteration before it; empty if there is none.
        heads: The heads of the detector.
    """
    from rankdet.detectors.loss_faults import own_place

    found = f"loss is {row.get('loss', math.nan)} at iteration {row['iteration']}"
    prefixes = [head.record_prefix if len(heads) > 1 else "" for head in heads]
    counted = [prefix for prefix in prefixes if before.get(f"{prefix}num_pos")]
    sums = [before[f"{prefix}{name}"] for prefix in counted for name in ("grad_pos", "grad_neg")]
    if not all(map(math.isfinite, sums)):
        found += f", after a gradient that was not finite at iteration {before['iteration']}"
    own = {place for head in heads if (place := own_place(head.criterion.classification))}
    if not own:
        return found
    parts = [n for n, x in row.items() if "loss" in n and n != "loss" and not math.isfinite(x)]
    return f"{found}: {', '.join(parts)}, with the loss of {', '.join(sorted(own))}"
