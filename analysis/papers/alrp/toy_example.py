"""The toy example of the aLRP paper (Figure 1, Tables A.9 and A.10), computed from definitions.

Tables name these functions in `computed_by`. Each returns row to column to value.
"""

import math

import numpy as np

from rankdet.evaluation.metrics.ap import interpolated_precision

Values = dict[str, dict[str, float]]

# Figure 1(a): ten anchors with scores 1.0, .9 ... .1. Four of them are positives; there are five
# objects. The IoUs are those of a1, a3, a6 and a10 with three box regressors.
SCORES = tuple((10 - k) / 10 for k in range(10))
POSITIVES = (0, 2, 5, 9)
OBJECTS = 5
IOUS = {
    "R1": (0.95, 0.80, 0.65, 0.50),
    "R2": (0.80, 0.65, 0.50, 0.95),
    "R3": (0.50, 0.65, 0.80, 0.95),
}
THRESHOLDS = (0.50, 0.65, 0.80, 0.95)
L1_OFFSETS = (0.05, 0.25, 0.35, 0.50)  # appendix A.3.3
TAU = 0.5
NAMES = {"R1": "ranked as C", "R2": "ranked differently", "R3": "ranked inversely"}


def precision_table() -> Values:
    """Table A.9: interpolated precision at recalls .1, .2 ... 1, and their mean."""
    table: Values = {}
    for threshold in THRESHOLDS:
        for name, ious in IOUS.items():
            precision = _precision(ious, threshold)
            row = {f"R={k / 10:.1f}": float(precision[k - 1]) for k in range(1, 11)}
            table[f"IoU {threshold:.2f}, C&{name}"] = {**row, "AP": float(precision.mean())}
    return table


def ap_table() -> Values:
    """Figure 1(b): AP at four IoU thresholds and its mean."""
    table: Values = {}
    for name, ious in IOUS.items():
        row = {f"AP{round(100 * t)}": float(_precision(ious, t).mean()) for t in THRESHOLDS}
        table[f"C & {name}"] = {**row, "AP": sum(row.values()) / len(row)}
    return table


def iou_table() -> Values:
    """Figure 1(a): the IoU of each positive anchor with the three box regressors."""
    anchors = [f"a{k + 1}" for k in POSITIVES]
    return {f"C & {name}": dict(zip(anchors, ious, strict=True)) for name, ious in IOUS.items()}


def curves() -> dict[float, dict[str, list[float]]]:
    """Figure A.6: IoU threshold to output to precision at recalls 0, .01 … 1."""
    return {
        threshold: {name: list(_curve(ious, threshold)) for name, ious in IOUS.items()}
        for threshold in THRESHOLDS
    }


def alrp_table() -> Values:
    """Table A.10: LRP of each positive box, and aLRP Loss, with an unsmoothed step."""
    table: Values = {}
    for name, ious in IOUS.items():
        rows: Values = {}
        total = 0.0
        for k, iou in enumerate(ious):
            error = (1 - iou) / (1 - TAU)
            total += error
            false_positives, rank = POSITIVES[k] - k, POSITIVES[k] + 1
            rows[f"C&{name} a{rank}"] = {
                "1-IoU(i)": 1 - iou,
                "Eloc(i)": error,
                "cumsum(Eloc)(i)": total,
                "NFP(i)": false_positives,
                "rank(i)": rank,
                "LRP(i)": (false_positives + total) / rank,
            }
        loss = sum(row["LRP(i)"] for row in rows.values()) / len(rows)
        table |= {key: {**row, "aLRP": loss} for key, row in rows.items()}
    return table


def loss_table() -> Values:
    """Figure 1(c): losses of the three outputs, each averaged over its contributors."""
    ranked = {key.split(" ")[0]: row["aLRP"] for key, row in alrp_table().items()}
    terms = [-math.log(score if k in POSITIVES else 1 - score) for k, score in enumerate(SCORES)]
    precisions = [(k + 1) / (anchor + 1) for k, anchor in enumerate(POSITIVES)]
    return {
        f"C & {name}": {
            "Cross Entropy": sum(terms) / len(terms),
            "AP Loss": 1 - sum(precisions) / len(precisions),
            "L1 Loss": sum(L1_OFFSETS) / len(L1_OFFSETS),
            "IoU Loss": sum(1 - iou for iou in ious) / len(ious),
            "aLRP Loss": ranked[f"C&{name}"],
        }
        for name, ious in IOUS.items()
    }


def _precision(ious: tuple[float, ...], threshold: float) -> np.ndarray:
    """(10,) interpolated precision at recalls .1, .2 ... 1 of the toy example's detections."""
    return _curve(ious, threshold)[10::10]


def _curve(ious: tuple[float, ...], threshold: float) -> np.ndarray:
    """(101,) interpolated precision at recalls 0, .01 ... 1."""
    matched = dict(zip(POSITIVES, ious, strict=True))
    true = np.array([[matched.get(k, 0.0) >= threshold for k in range(len(SCORES))]])
    return interpolated_precision(true, np.ones_like(true), OBJECTS)[0]
