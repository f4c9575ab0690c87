"""Random cases in COCO's format, and pycocotools' evaluation of the same files as the oracle."""

import contextlib
import io
import json

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from rankdet.evaluation.coco.loading import load_detections, load_ground_truth
from rankdet.evaluation.metrics.coco_evaluators import hotcoco_evaluator
from rankdet.evaluation.metrics.matching import match

MANY = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
SIDE = 120
# Sides that meet the area borders (32 x 32, 96 x 96) exactly, empty boxes, and simple IoU ratios.
_SIDES = st.sampled_from([0, 1, 2, 4, 8, 10, 20, 32, 64, 96, 97])
_PLACES = st.sampled_from([0, 1, 2, 5, 10, 20, 3.7])
_BOXES = st.tuples(_PLACES, _PLACES, _SIDES, _SIDES).map(list)
_SCORES = st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.5, 0.9, 1.0, 0.123456789])


@st.composite
def cases(draw, iou_type="bbox", max_boxes=12):
    """Returns annotations and results; few images and classes, so that they collide."""
    images = [{"id": i, "height": SIDE, "width": SIDE} for i in draw(st.permutations([7, 3, 11]))]
    categories = [{"id": c, "name": f"c{c}"} for c in (5, 2, 9)]
    places = st.tuples(st.sampled_from([7, 3, 11]), st.sampled_from([5, 2]))
    annotations = []
    for number, ((image, category), box) in enumerate(
        draw(st.lists(st.tuples(places, _BOXES), max_size=max_boxes)), start=1
    ):
        crowd = draw(st.sampled_from([0, 0, 0, 1]))
        annotation = {
            "id": number,
            "image_id": image,
            "category_id": category,
            "bbox": box,
            # Annotated areas may differ from the areas of the boxes.
            "area": draw(st.sampled_from([box[2] * box[3], 1024, 9216, 500.5])),
            "iscrowd": crowd,
        }
        if draw(st.booleans()):
            annotation["ignore"] = draw(st.sampled_from([0, 1]))
        if iou_type == "segm":
            annotation["segmentation"] = draw(_segmentations(box, crowd))
        annotations.append(annotation)
    # A class without ground truth (9) has detections too.
    spots = st.tuples(st.sampled_from([7, 3, 11]), st.sampled_from([5, 2, 9]))
    results = []
    for (image, category), score in draw(
        st.lists(st.tuples(spots, _SCORES), min_size=1, max_size=2 * max_boxes)
    ):
        near = [a["bbox"] for a in annotations if a["image_id"] == image]
        box = draw(st.one_of(_BOXES, st.sampled_from(near)) if near else _BOXES)
        result = {"image_id": image, "category_id": category, "score": score}
        if iou_type == "segm":
            result["segmentation"] = draw(_segmentations(box, 1))
        else:
            result["bbox"] = box
        results.append(result)
    truth = {"images": images, "annotations": annotations, "categories": categories}
    return truth, results


def _segmentations(box, crowd):
    x, y, w, h = (int(v) for v in box)
    mask = np.zeros((SIDE, SIDE), dtype=np.uint8, order="F")
    mask[y : y + h, x : x + w] = 1
    rle = coco_mask.encode(mask)
    rle = {"size": [int(v) for v in rle["size"]], "counts": rle["counts"].decode()}
    if crowd:
        return st.just(rle)
    polygon = [[x, y, x + w + 1, y, x + w + 1, y + h + 1, x, y + h + 1]]
    return st.sampled_from([rle, polygon])


def write(folder, truth, results):
    """Writes both files and returns their paths."""
    paths = folder / "gt.json", folder / "dt.json"
    for path, data in zip(paths, (truth, results), strict=True):
        path.write_text(json.dumps(data))
    return paths


def loaded(folder, truth, results):
    """Returns ground truth and detections as the evaluation reads them from files."""
    gt_path, dt_path = write(folder, truth, results)
    ground_truth = load_ground_truth(gt_path)
    return ground_truth, load_detections(dt_path, ground_truth)


def matched(folder, truth, results):
    """Returns their matches."""
    return match(*loaded(folder, truth, results))


def pycocotools_tables(gt_path, dt_path, iou_type):
    """Returns precision (T, R, K, A) and recall (T, K, A, M) of pycocotools on the raw files."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(gt_path))
        evaluator = COCOeval(truth, truth.loadRes(str(dt_path)), iou_type)
        evaluator.evaluate()
        evaluator.accumulate()
    return evaluator.eval["precision"][..., -1], evaluator.eval["recall"]


def hotcoco_errors(ground_truth, detections, iou_type="bbox"):
    """Returns hotcoco's costs of errors (TIDE)."""
    evaluator = hotcoco_evaluator(ground_truth, detections, iou_type)
    evaluator.evaluate()
    return evaluator.tide_errors()
