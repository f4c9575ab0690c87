"""Scores and IoUs of detections, raw and normalised (APE Loss paper, Figures 2 and 3).

The paper shows candidate boxes before NMS; a run stores only detections after NMS. Scores and IoUs
are normalised to 0-1 over the detections of one image and class; PAA* does it over the candidates
of one object.
"""

from collections.abc import Sequence

import pandas as pd

from rankdet.evaluation.metrics.matches import Matches

KEYS = ("score", "iou", "score_normalised", "iou_normalised")


def score_table(matches: Matches, floor: float = 0.0) -> pd.DataFrame:
    """Returns score and best IoU of detections, raw and normalised to 0-1 per image and class.

    Args:
        matches: a run's matches.
        floor: only detections whose best IoU is above it are kept.

    Returns:
        Columns of `KEYS`, one row per detection; if all values of a group are equal they become 1.
    """
    rows = matches.detections
    frame = pd.DataFrame({"score": rows["score"], "iou": rows["best_iou"]}).astype(float)
    group = [rows["image_id"], rows["category_id"]]
    for name in ("score", "iou"):
        low = frame[name].groupby(group).transform("min")
        span = frame[name].groupby(group).transform("max") - low
        frame[f"{name}_normalised"] = ((frame[name] - low) / span.where(span > 0)).fillna(1.0)
    return frame[frame["iou"] > floor].reset_index(drop=True)


def score_means(records: Sequence[Matches], floor: float = 0.0) -> dict[str, float | None]:
    """Returns `mean_<column>` of `score_table` over the detections of all runs; None if empty."""
    every = pd.concat([score_table(m, floor) for m in records])
    return {f"mean_{key}": float(every[key].mean()) if len(every) else None for key in KEYS}
