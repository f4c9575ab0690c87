"""AP from the public evaluators: hotcoco (fast) and pycocotools (COCO's own code).

Both get positions from 1 instead of the ids of the file. hotcoco reads ids of detections as floats,
so it would not find ids from 2^53 on, and it accepts no negative ids. The order is that of the ids,
so ties are broken as before.
"""

import contextlib
import io
from typing import Any

import numpy as np

from rankdet.errors import InputError
from rankdet.evaluation.coco.federated import LISTS
from rankdet.evaluation.coco.types import Detections, GroundTruth
from rankdet.evaluation.known import check_known
from rankdet.evaluation.metrics.ap import MAX_DETECTIONS, ApTables, limits_of
from rankdet.evaluation.metrics.matches import AREAS, FEDERATED_MAX_DETECTIONS, IOU_THRESHOLDS

OWN = "matches"  # AP from the matches of all other metrics, without another evaluator
BACKENDS = (OWN, "hotcoco", "pycocotools")


def backend_tables(
    ground_truth: GroundTruth, detections: Detections, iou_type: str, backend: str
) -> ApTables:
    """Returns the precision and recall that a public evaluator computes.

    Args:
        ground_truth: the annotations.
        detections: the detections.
        iou_type: "bbox" or "segm".
        backend: one of `BACKENDS` but `OWN`.
    """
    check_known("AP backend", backend, BACKENDS)
    limits = limits_of(FEDERATED_MAX_DETECTIONS if ground_truth.federated else MAX_DETECTIONS[-1])
    if ground_truth.federated and backend == "pycocotools":
        raise InputError(
            "pycocotools cannot evaluate federated (LVIS) annotations; use the backend hotcoco"
        )
    if len(detections) == 0 or len(ground_truth) == 0:
        return _without_matches(ground_truth, limits)
    run = hotcoco_evaluator if backend == "hotcoco" else _pycocotools
    with contextlib.redirect_stdout(io.StringIO()):
        evaluator = run(ground_truth, detections, iou_type)
        evaluator.evaluate()
        evaluator.accumulate()
    result = evaluator.eval
    return ApTables(
        np.asarray(result["precision"])[..., -1].copy(),
        np.asarray(result["recall"]).copy(),
        limits,
    )


def _without_matches(ground_truth: GroundTruth, limits: tuple[int, ...]) -> ApTables:
    # The evaluators do not accept an empty list: 0 for classes with ground truth.
    shape = (len(IOU_THRESHOLDS), len(ground_truth.category_ids), len(AREAS))
    recall = -np.ones((*shape, len(limits)))
    for a, (low, high) in enumerate(AREAS.values()):
        inside = (ground_truth.area >= low) & (ground_truth.area <= high) & ~ground_truth.crowd
        recall[:, np.unique(ground_truth.category[inside]), a] = 0
    return ApTables(np.repeat(recall[:, None, :, :, 0], 101, axis=1), recall, limits)


def _images(ground_truth: GroundTruth) -> list[dict[str, Any]]:
    images = [
        {"id": i, "height": height, "width": width, "file_name": ""}
        for i, (height, width) in enumerate(ground_truth.image_sizes.tolist(), 1)
    ]
    if ground_truth.federated:
        new = {category: i for i, category in enumerate(ground_truth.category_ids.tolist(), 1)}
        lists = (ground_truth.federated.negative, ground_truth.federated.not_exhaustive)
        for image, *found in zip(images, *lists, strict=True):
            for key, ids in zip(LISTS, found, strict=True):
                image[key] = [new[i] for i in ids if i in new]
    return images


def _categories(ground_truth: GroundTruth) -> list[dict[str, Any]]:
    # Unique names, because some evaluators find classes by their names.
    frequency = ground_truth.frequency
    return [
        {"id": i, "name": str(i), **({"frequency": frequency[c]} if c in frequency else {})}
        for i, c in enumerate(ground_truth.category_ids.tolist(), 1)
    ]


def hotcoco_evaluator(ground_truth: GroundTruth, detections: Detections, iou_type: str) -> Any:
    """Returns hotcoco's `COCOeval` of annotations and detections; it has its own copy of them."""
    import hotcoco

    images, categories = _images(ground_truth), _categories(ground_truth)
    truth = hotcoco.COCO.from_arrays(
        images,
        categories,
        ground_truth.image + 1,
        ground_truth.category + 1,
        ground_truth.boxes,
        ids=np.arange(1, len(ground_truth) + 1),
        area=ground_truth.area,
        iscrowd=ground_truth.crowd,
        segmentation=_text_masks(ground_truth.masks),
    )
    rows = np.column_stack(
        [
            detections.image + 1,
            detections.boxes,
            detections.score,
            detections.category + 1,
        ]
    )
    found = truth.load_res(rows)
    if iou_type == "segm":
        found = truth.load_res(_results(detections))
    federated = ground_truth.federated is not None
    return hotcoco.COCOeval(truth, found, iou_type, lvis_style=federated)


def _text_masks(masks: list[dict[str, Any]] | None) -> list[Any] | None:
    if masks is None:
        return None
    return [{"size": m["size"], "counts": m["counts"].decode()} for m in masks]


def _results(detections: Detections) -> list[dict[str, Any]]:
    # Without boxes: with boxes, COCO's tools use the area of the box instead of the mask's.
    return [
        {"image_id": i, "category_id": c, "score": s, "segmentation": m}
        for i, c, s, m in zip(
            (detections.image + 1).tolist(),
            (detections.category + 1).tolist(),
            detections.score.tolist(),
            _text_masks(detections.masks) or [],
            strict=True,
        )
    ]


def _pycocotools(ground_truth: GroundTruth, detections: Detections, iou_type: str) -> Any:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    columns = {
        "image_id": ground_truth.image + 1,
        "category_id": ground_truth.category + 1,
        "id": np.arange(1, len(ground_truth) + 1),
        "area": ground_truth.area,
        "iscrowd": ground_truth.crowd.astype(int),
        "bbox": ground_truth.boxes,
    }
    truth = _coco(COCO(), ground_truth, columns, ground_truth.masks)
    columns = {
        "image_id": detections.image + 1,
        "category_id": detections.category + 1,
        "id": np.arange(1, len(detections) + 1),
        "area": detections.area,
        "score": detections.score,
        "bbox": detections.boxes,
    }
    found = _coco(COCO(), ground_truth, columns, detections.masks)
    return COCOeval(truth, found, iou_type)


def _coco(coco: Any, ground_truth: GroundTruth, columns: dict[str, Any], masks: Any) -> Any:
    names = list(columns)
    rows = zip(*(values.tolist() for values in columns.values()), strict=True)
    annotations = [dict(zip(names, row, strict=True)) for row in rows]
    for annotation, mask in zip(annotations, masks or [], strict=False):
        annotation["segmentation"] = dict(mask)
    coco.dataset = {
        "images": _images(ground_truth),
        "annotations": annotations,
        "categories": _categories(ground_truth),
    }
    coco.createIndex()
    return coco
