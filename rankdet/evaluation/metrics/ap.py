"""Average precision and recall from matches, as COCO defines them, and their summary.

Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014, and COCO's evaluation code.

The summary is also used for the tables of hotcoco and pycocotools (`coco_evaluators`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rankdet.evaluation.coco.types import Bools, Floats, Ints
from rankdet.evaluation.metrics.matches import AREAS, IOU_THRESHOLDS, ClassMatches, Matches

RECALLS = np.linspace(0.0, 1.0, 101)
MAX_DETECTIONS = (1, 10, 100)
FREQUENCIES = {"r": "AP_rare", "c": "AP_common", "f": "AP_frequent"}


@dataclass(frozen=True)
class ApTables:
    """Interpolated precision and final recall; -1 if a class has no ground truth.

    Attributes:
        precision: (T, R, K, A) at the 101 recalls, 100 detections per image and class.
        recall: (T, K, A, M) at each limit.
        limits: detections per image and class.
    """

    precision: Floats
    recall: Floats
    limits: tuple[int, ...] = MAX_DETECTIONS


def ap_tables(matches: Matches, areas: Sequence[str] = tuple(AREAS)) -> ApTables:
    """Returns precision and recall at every IoU threshold, class and area range.

    Args:
        matches: the matches.
        areas: The first area ranges, in the order of `AREAS`.
    """
    shape = (len(IOU_THRESHOLDS), len(matches.category_ids), len(areas))
    precision = -np.ones((shape[0], len(RECALLS), *shape[1:]))
    limits = limits_of(matches.max_detections)
    recall = -np.ones((*shape, len(limits)))
    for k, one in enumerate(matches.per_class()):
        for a, area in enumerate(areas):
            positives = one.positives(area)
            if positives:
                for t, (rows, counted) in enumerate(hits_and_counts(one, area)):
                    precision[t, :, k, a] = precision_at_recalls(counted, positives)
                    rank = one.detections["rank"][rows]
                    for m, limit in enumerate(limits):
                        recall[t, k, a, m] = np.count_nonzero(rank < limit) / positives
    return ApTables(precision, recall, limits)


def hits_and_counts(one: ClassMatches, area: str) -> list[tuple[Ints, Ints]]:
    """Returns for each IoU threshold the true positives, and how many detections count.

    Args:
        one: the class.
        area: the area range.

    Returns:
        For each threshold the rows of the true positives, ascending, and for each of them the true
        and false positives up to and with it.
    """
    true, ignored = one.detections[f"true_{area}"], one.detections[f"ignored_{area}"]
    hits = np.flatnonzero(true)
    bits = true[hits]
    left_out = np.flatnonzero(ignored)
    patterns = ignored[left_out]
    found = []
    for t in range(len(IOU_THRESHOLDS)):
        rows = hits[bits >> t & 1 == 1]
        gone = left_out[patterns >> t & 1 == 1]
        found.append((rows, rows + 1 - np.searchsorted(gone, rows)))
    return found


def limits_of(max_detections: int) -> tuple[int, ...]:
    """Returns the limits at which recall is reported: three for COCO, one for LVIS."""
    return MAX_DETECTIONS if max_detections == MAX_DETECTIONS[-1] else (max_detections,)


def interpolated_precision(true: Bools, counted: Bools, positives: int) -> Floats:
    """Returns precision at the 101 recalls.

    Args:
        true: (T, D) true positives, detections by descending score.
        counted: (T, D) those that are true or false positives.
        positives: number of ground truths that count, at least 1.

    Returns:
        (T, 101); 0 at recalls that are not reached.
    """
    found = (np.cumsum(c | t)[t] for t, c in zip(true, counted, strict=True))
    return np.stack([precision_at_recalls(so_far, positives) for so_far in found])


def precision_at_recalls(counted: Ints, positives: int) -> Floats:
    """Returns the interpolated precision of a class at the 101 recalls.

    Args:
        counted: (N,) for each true positive, by descending score, the true and false positives up
            to and with it. Precision only falls between them, so no other detection matters.
        positives: number of ground truths that count, at least 1.

    Returns:
        (101,); 0 at recalls that are not reached.
    """
    tp = np.arange(1, len(counted) + 1, dtype=np.float64)
    precision = tp / (counted + np.spacing(1))
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(tp / positives, RECALLS, side="left")
    out = np.zeros(len(RECALLS))
    reached = at < len(tp)
    out[reached] = envelope[at[reached]]
    return out


def summarise(
    tables: ApTables, frequency: dict[int, str], category_ids: Ints
) -> tuple[dict[str, float | None], dict[int, dict[str, float | None]]]:
    """Returns AP and AR over all classes, and per class.

    Args:
        tables: precision and recall.
        frequency: category id to "r", "c" or "f" (LVIS); may be empty.
        category_ids: (K,) the classes in the order of the tables.

    Returns:
        Metrics (`AP`, `AP50` ... `AP95`, `AP_small` ..., `AR1` ..., with LVIS's `AP_rare` ...
        if frequencies are given), and the same for each category id; None where undefined.
    """
    every = {k: _metrics(tables, [i]) for i, k in enumerate(category_ids.tolist())}
    total = _metrics(tables, None)
    for letter, name in FREQUENCIES.items():
        rows = [i for i, k in enumerate(category_ids.tolist()) if frequency.get(k) == letter]
        if frequency:
            total[name] = _mean(tables.precision[:, :, rows, 0])
    return total, every


def _metrics(tables: ApTables, rows: list[int] | None) -> dict[str, float | None]:
    chosen = slice(None) if rows is None else rows
    precision, recall = tables.precision[:, :, chosen], tables.recall[:, chosen]
    out = {"AP": _mean(precision[..., 0])}
    for t, threshold in enumerate(IOU_THRESHOLDS):
        out[f"AP{round(100 * threshold)}"] = _mean(precision[t, ..., 0])
    areas = list(AREAS)[: precision.shape[-1]]
    for a, area in enumerate(areas[1:], start=1):
        out[f"AP_{area}"] = _mean(precision[..., a])
    for m, limit in enumerate(tables.limits):
        out[f"AR{limit}"] = _mean(recall[..., 0, m])
    for a, area in enumerate(areas[1:], start=1):
        out[f"AR_{area}"] = _mean(recall[..., a, -1])
    return out


def _mean(values: Floats) -> float | None:
    valid = values[values > -1]
    return float(np.mean(valid)) if valid.size else None
