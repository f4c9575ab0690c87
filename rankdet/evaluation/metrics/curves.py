"""Curves: precision over recall, and metrics over score thresholds."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from rankdet.evaluation.metrics.ap import RECALLS, ap_tables, interpolated_precision, summarise
from rankdet.evaluation.metrics.matches import IOU_THRESHOLDS, Matches
from rankdet.evaluation.metrics.olrp import olrp


def precision_recall(
    matches: Matches, thresholds: Sequence[float] = (0.5, 0.75), per_class: bool = True
) -> pd.DataFrame:
    """Returns interpolated precision at the 101 recalls.

    Args:
        matches: the matches.
        thresholds: IoU thresholds among .50, .55, ... .95.
        per_class: curves per class; otherwise their mean over the classes with ground truth.

    Returns:
        Columns `category_id` (per class only), `iou_threshold`, `recall`, `precision`; no rows for
        classes without ground truth.
    """
    at = [int(np.argmin(np.abs(IOU_THRESHOLDS - t))) for t in thresholds]
    frames = []
    for one in matches.per_class():
        if one.positives() == 0:
            continue
        true = np.stack([one.true(t) for t in at])
        counted = np.stack([one.counted(t) for t in at])
        precision = interpolated_precision(true, counted, one.positives())
        frames.append(
            pd.DataFrame(
                {
                    "category_id": one.category_id,
                    "iou_threshold": np.repeat(np.round(IOU_THRESHOLDS[at], 2), len(RECALLS)),
                    "recall": np.tile(RECALLS, len(at)),
                    "precision": precision.ravel(),
                }
            )
        )
    columns = ["category_id", "iou_threshold", "recall", "precision"]
    frame = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)
    if per_class:
        return frame
    return frame.groupby(["iou_threshold", "recall"])["precision"].mean().reset_index()


def score_sweep(matches: Matches, thresholds: Sequence[float]) -> pd.DataFrame:
    """Returns AP and oLRP without the detections below a score (RS supplement, S10 and S11).

    Greedy matching and NMS process detections by descending score. Removing low scores afterwards
    therefore gives the same metrics as a threshold before NMS, but not the same speed.

    Args:
        matches: Matches of all detections above the lowest of the thresholds.
        thresholds: scores; detections at or above them stay.

    Returns:
        One row per threshold: `score_threshold`, `detections_per_image`, the AP family of all
        areas, `oLRP`, `oLRP_Loc`, `oLRP_FP`, `oLRP_FN`; NaN where undefined.
    """
    rows = []
    for threshold in thresholds:
        kept = matches.detections[matches.detections["score"] >= threshold]
        part = replace(matches, detections=kept.reset_index(drop=True))
        ap, _ = summarise(ap_tables(part, areas=("all",)), {}, part.category_ids)
        rows.append(
            {
                "score_threshold": threshold,
                "detections_per_image": len(kept) / max(len(matches.image_ids), 1),
                **ap,
                **olrp(part)[0],
            }
        )
    return pd.DataFrame(rows).astype(float)
