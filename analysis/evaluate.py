"""From two COCO-format files to all measures: `evaluate_files`."""

from pathlib import Path
from typing import Any

from analysis.coco_io import IOU_TYPES, Detections, GroundTruth, load_detections, load_ground_truth
from analysis.errors import InputError
from analysis.measures.ap import MAX_DETECTIONS, summarise
from analysis.measures.ap_backends import BACKENDS, backend_tables
from analysis.measures.correlation import correlations
from analysis.measures.matches import AREAS, IOU_THRESHOLDS, Matches, write_matches
from analysis.measures.matching import match
from analysis.measures.olrp import THRESHOLDS, olrp

SCHEMA = "rankdet.metrics/1"


def evaluate_files(
    gt_path: Path | str,
    detections_path: Path | str,
    *,
    iou_type: str = "bbox",
    backend: str = "hotcoco",
    ignore_unknown: bool = False,
    matches_path: Path | str | None = None,
    lrp_thresholds: str = "exact",
) -> dict[str, Any]:
    """Computes AP, oLRP and the correlation of score and IoU.

    Args:
        gt_path: COCO-format annotations.
        detections_path: detections in COCO's results format.
        iou_type: "bbox" or "segm".
        backend: who computes AP: "hotcoco" or "pycocotools".
        ignore_unknown: leave out detections of unknown images or categories, with a note.
        matches_path: where to write the matches (Parquet), if anywhere.
        lrp_thresholds: "exact" or "grid101".

    Returns:
        JSON-serialisable: `schema`, `metrics`, `per_class` (by category id), `classes` (names),
        `settings`, `counts`, `notes`. Rates and errors are in [0, 1], correlations in [−1, 1],
        undefined values None.

    Raises:
        InputError: something is wrong with a file or an option.
    """
    for name, value, known in (
        ("IoU type", iou_type, IOU_TYPES),
        ("AP backend", backend, BACKENDS),
        ("LRP thresholds", lrp_thresholds, THRESHOLDS),
    ):
        if value not in known:
            raise InputError(f"unknown {name} {value!r}; known: {', '.join(known)}")
    ground_truth = load_ground_truth(gt_path, iou_type)
    detections = load_detections(detections_path, ground_truth, iou_type, ignore_unknown)
    matches = match(ground_truth, detections, iou_type)
    if matches_path is not None:
        write_matches(matches, matches_path)
    return measure(ground_truth, detections, matches, backend, lrp_thresholds)


def measure(
    ground_truth: GroundTruth,
    detections: Detections,
    matches: Matches,
    backend: str = "hotcoco",
    lrp_thresholds: str = "exact",
) -> dict[str, Any]:
    """Computes all measures of matched detections; arguments and result as `evaluate_files`."""
    tables = backend_tables(ground_truth, detections, matches.iou_type, backend)
    ap, ap_of = summarise(tables, matches.frequency, matches.category_ids)
    lrp, lrp_of = olrp(matches, lrp_thresholds)
    correlation, correlation_of, classes = correlations(matches)
    positives = {one.category_id: one.positives() for one in matches.per_class()}
    return {
        "schema": SCHEMA,
        "metrics": {**ap, **lrp, **correlation},
        "per_class": {
            str(k): {**ap_of[k], **lrp_of[k], **correlation_of[k], "n_gt": positives[k]}
            for k in matches.category_ids.tolist()
        },
        "classes": {str(k): name for k, name in matches.names.items()},
        "settings": {
            "iou_type": matches.iou_type,
            "backend": backend,
            "max_dets": list(MAX_DETECTIONS),
            "iou_thresholds": [round(float(t), 2) for t in IOU_THRESHOLDS],
            "areas": {name: list(limits) for name, limits in AREAS.items()},
            "lrp_thresholds": lrp_thresholds,
            "lrp_tau": 0.5,
        },
        "counts": {
            "images": len(ground_truth.image_ids),
            "ground_truth": int((~ground_truth.crowd).sum()),
            "crowd": int(ground_truth.crowd.sum()),
            "detections": len(detections),
            "considered": len(matches.detections),
            "classes": sum(n > 0 for n in positives.values()),
            "correlation_classes": classes,
        },
        "notes": matches.notes,
    }
