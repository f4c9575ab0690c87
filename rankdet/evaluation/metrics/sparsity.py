"""AP and oLRP by objects per image (aLRP Loss, Oksuz et al., NeurIPS 2020: rebuttal, Table A3)."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from rankdet.errors import InputError
from rankdet.evaluation.coco.types import Ints
from rankdet.evaluation.metrics.ap import ap_tables, summarise
from rankdet.evaluation.metrics.matches import Matches
from rankdet.evaluation.metrics.olrp import olrp

# Only the first (0-3) and the last (21-62) of the published bins are legible.
DEFAULT_EDGES = (0, 4, 9, 21)


def objects_per_image(matches: Matches, count_crowds: bool = False) -> Ints:
    """Returns the number of objects of each of `matches.image_ids`, (I,)."""
    truth = matches.ground_truth
    counted = truth["image_id"].to_numpy()
    if not count_crowds:
        counted = counted[~truth["crowd"].to_numpy()]
    position = np.searchsorted(matches.image_ids, counted)
    return np.bincount(position, minlength=len(matches.image_ids))


def sparsity_bins(
    matches: Matches, edges: Sequence[int] = DEFAULT_EDGES, count_crowds: bool = False
) -> list[dict[str, Any]]:
    """Returns AP and oLRP over the images of each bin.

    Args:
        matches: the matches.
        edges: the lowest count of each bin, ascending; the last bin has no upper end.
        count_crowds: whether crowd regions count as objects.

    Returns:
        One record per bin: `low`, `high` (None for the last), `images`, `objects`, and the AP
        family, `oLRP`, `oLRP_Loc`, `oLRP_FP`, `oLRP_FN`; None where a bin has no object.

    Raises:
        InputError: If the edges are negative or do not ascend.
    """
    edges = list(edges)
    if not edges or edges[0] < 0 or any(b <= a for a, b in pairwise(edges)):
        raise InputError(f"sparsity edges {edges} must ascend from 0 on, as in 0, 4, 9, 21")
    count = objects_per_image(matches, count_crowds)
    records = []
    for low, high in zip(edges, [*edges[1:], None], strict=True):
        inside = (count >= low) & (count < (np.inf if high is None else high))
        part = matches.of_images(matches.image_ids[inside])
        ap, _ = summarise(ap_tables(part, areas=("all",)), {}, part.category_ids)
        records.append(
            {
                "low": low,
                "high": None if high is None else high - 1,
                "images": int(inside.sum()),
                "objects": int(count[inside].sum()),
                **ap,
                **olrp(part)[0],
            }
        )
    return records
