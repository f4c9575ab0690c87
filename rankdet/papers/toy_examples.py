"""Tables of the papers that need no training: the toy examples, computed from their definitions.

Each function returns row to column to value, in the names of `analysis/papers`.
"""

import math
from collections.abc import Callable, Mapping

import numpy as np

from rankdet.evaluation.metrics.ap import interpolated_precision

Values = dict[str, dict[str, float]]

# aLRP paper, Figure 1(a): ten anchors with scores 1.0, .9 ... .1; four of them are positives, and
# five objects are there to be found. The IoUs of a1, a3, a6 and a10 under three box regressors.
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

# RS Loss supplement, Figure S1.
RS_LOGITS = (3.0, 2.0, 1.0, 0.0, -1.0, -2.0, -3.0, -4.0)
RS_LABELS = (0.9, 0.4, 0.0, 0.0, 0.8, 0.0, 0.1, 0.0)


def toy_precision() -> Values:
    """ALRP paper, Table A.9: interpolated precision at recalls .1, .2 ... 1, and their mean."""
    table: Values = {}
    for threshold in THRESHOLDS:
        for name, ious in IOUS.items():
            precision = _precision(ious, threshold)
            row = {f"R={k / 10:.1f}": float(precision[k - 1]) for k in range(1, 11)}
            table[f"IoU {threshold:.2f}, C&{name}"] = {**row, "AP": float(precision.mean())}
    return table


def toy_ap() -> Values:
    """ALRP paper, Figure 1(b): AP at four IoU thresholds and its mean."""
    table: Values = {}
    for name, ious in IOUS.items():
        row = {f"AP{round(100 * t)}": float(_precision(ious, t).mean()) for t in THRESHOLDS}
        table[f"C & {name}"] = {**row, "AP": sum(row.values()) / len(row)}
    return table


def toy_ious() -> Values:
    """ALRP paper, Figure 1(a): the IoU of each positive anchor under the three box regressors."""
    anchors = [f"a{k + 1}" for k in POSITIVES]
    return {f"C & {name}": dict(zip(anchors, ious, strict=True)) for name, ious in IOUS.items()}


def toy_pr() -> dict[float, dict[str, list[float]]]:
    """ALRP paper, Figure A.6: IoU threshold to output to precision at recalls 0, .01 … 1."""
    return {
        threshold: {name: list(_curve(ious, threshold)) for name, ious in IOUS.items()}
        for threshold in THRESHOLDS
    }


def toy_alrp() -> Values:
    """ALRP paper, Table A.10: LRP of each positive box, and aLRP Loss, with an unsmoothed step."""
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


def toy_losses() -> Values:
    """ALRP paper, Figure 1(c): losses of the three outputs, each averaged over its contributors."""
    ranked = {key.split(" ")[0]: row["aLRP"] for key, row in toy_alrp().items()}
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


def rs_example() -> Values:
    """RS Loss supplement, Figure S1: errors, targets and losses, with an unsmoothed step."""
    positives = [i for i, label in enumerate(RS_LABELS) if label > 0]
    rows: Values = {}
    for i in positives:
        above = [k for k in positives if RS_LOGITS[k] >= RS_LOGITS[i]]
        better = [k for k in above if RS_LABELS[k] >= RS_LABELS[i]]
        false_positives = sum(
            label == 0 and logit >= RS_LOGITS[i]
            for logit, label in zip(RS_LOGITS, RS_LABELS, strict=True)
        )
        ranking = false_positives / (len(above) + false_positives)
        sorting = sum(1 - RS_LABELS[k] for k in above) / len(above)
        target = sum(1 - RS_LABELS[k] for k in better) / len(better)
        rows[f"i={i}"] = {
            "current ranking error": ranking,
            "current sorting error": sorting,
            "target ranking error": 0.0,
            "target sorting error": target,
            "ranking loss": ranking,
            "sorting loss": sorting - target,
            "total loss": ranking + sorting - target,
        }
    loss = sum(row["total loss"] for row in rows.values()) / len(rows)
    return {key: {**row, "RS Loss": loss} for key, row in rows.items()}


def rs_primary_terms() -> Values:
    """RS Loss supplement, Figure S2: primary terms L_ij (S4) and gradients (S7, S16)."""
    positives = [i for i, label in enumerate(RS_LABELS) if label > 0]
    count = len(RS_LOGITS)
    errors = rs_example()
    terms = {i: [0.0] * count for i in positives}
    for i in positives:
        above = [j for j in range(count) if RS_LOGITS[j] >= RS_LOGITS[i] and j != i]
        negatives = [j for j in above if RS_LABELS[j] == 0]
        worse = [j for j in above if 0 < RS_LABELS[j] < RS_LABELS[i]]
        for group, loss in ((negatives, "ranking loss"), (worse, "sorting loss")):
            for j in group:
                terms[i][j] = errors[f"i={i}"][loss] / len(group)
    gradient = [
        (sum(terms[i][j] for i in positives) - sum(terms.get(j, []))) / len(positives)
        for j in range(count)
    ]
    rows = {"L_4j": terms[4], "L_6j": terms[6], "gradient": gradient}
    return {key: {f"j={j}": v for j, v in enumerate(values)} for key, values in rows.items()}


EXACT: Mapping[str, Callable[[], Values]] = {
    "toy-precision": toy_precision,
    "toy-ap": toy_ap,
    "toy-alrp": toy_alrp,
    "toy-losses": toy_losses,
    "toy-ious": toy_ious,
    "rs-example": rs_example,
    "rs-primary-terms": rs_primary_terms,
}


def _precision(ious: tuple[float, ...], threshold: float) -> np.ndarray:
    """(10,) interpolated precision at recalls .1, .2 ... 1 of the toy example's detections."""
    return _curve(ious, threshold)[10::10]


def _curve(ious: tuple[float, ...], threshold: float) -> np.ndarray:
    """(101,) interpolated precision at recalls 0, .01 ... 1."""
    matched = dict(zip(POSITIVES, ious, strict=True))
    true = np.array([[matched.get(k, 0.0) >= threshold for k in range(len(SCORES))]])
    return interpolated_precision(true, np.ones_like(true), OBJECTS)[0]
