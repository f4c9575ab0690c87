"""Has a training learned? A run that has barely learned takes no part in verdicts.

Its numbers say nothing about its loss: of two losses, the one whose run has begun to learn looks
better. Why these limits: docs/decisions/027-barely-learned.md.
"""

from collections.abc import Mapping
from typing import Any

from rankdet.evaluation.units import finite

TRAINED, COLLAPSED, BARELY_LEARNED = "trained", "collapsed", "barely learned"
LEARNED_AP50 = 0.05  # in [0, 1]; the default of a study's key `learned_ap50`


def judged(
    status: str, reason: str | None, metrics: Mapping[str, Any], learned_ap50: float = LEARNED_AP50
) -> tuple[str, str | None]:
    """Returns the status of a run with metrics, and its reason.

    Args:
        status: the status in its `run.json`. `collapsed` means that its classification loss was
            stuck: above `collapse_above` of its loss card until the end.
        reason: the reason in its `run.json`.
        metrics: its metrics on the main split; only AP50, in [0, 1], is read. An undefined AP50
            decides nothing.
        learned_ap50: AP50 in [0, 1] from which a training has learned.

    Returns:
        `barely learned` with the reason, or the status and reason as they were.
    """
    if status == COLLAPSED:
        return BARELY_LEARNED, reason
    ap50 = finite(metrics.get("AP50"))
    if status != TRAINED or ap50 is None or ap50 >= learned_ap50:
        return status, reason
    limit = f"{100 * learned_ap50:g} (learned_ap50 of the study)"
    return BARELY_LEARNED, f"AP50 {100 * ap50:.1f} is below {limit}"
