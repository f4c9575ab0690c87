"""Converts predictions to COCO's result format: boxes, and masks as run lengths."""

from typing import Any

import numpy as np
from pycocotools import mask as coco_mask


def coco_results(result: Any, categories: list[int]) -> list[dict[str, Any]]:
    """Returns the detections of one image, in mmdet's order (highest score first).

    Args:
        result: mmdet's data sample with `pred_instances`: boxes xyxy in pixels of the original
            image, scores, labels, and optional masks (n, height, width).
        categories: The category id of each label.
    """
    found = result.pred_instances
    boxes = found.bboxes.cpu().double()
    boxes[:, 2:] -= boxes[:, :2]
    scores, labels = found.scores.cpu().tolist(), found.labels.cpu().tolist()
    detections = [
        {
            "image_id": result.img_id,
            "category_id": categories[label],
            "bbox": [round(value, 3) for value in box],
            "score": score,
        }
        for box, score, label in zip(boxes.tolist(), scores, labels, strict=True)
    ]
    if "masks" in found:
        masks = np.asarray(found.masks.cpu() if hasattr(found.masks, "cpu") else found.masks)
        for detection, mask in zip(detections, masks, strict=True):
            detection["segmentation"] = run_lengths(mask)
    return detections


def run_lengths(mask: np.ndarray) -> dict[str, Any]:
    """Returns a mask (height, width), true inside, as compressed RLE for JSON."""
    encoded = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": list(mask.shape), "counts": encoded["counts"].decode("ascii")}
