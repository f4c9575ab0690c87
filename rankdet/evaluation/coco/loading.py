"""Reads and checks ground truth and detections in COCO's format.

A faulty file raises an `InputError` of one line: what was found, where, and what to do. Remarks
(renumbered ids, scores outside [0, 1], boxes in another form) become notes.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rankdet.errors import InputError, counted
from rankdet.evaluation.coco import checks as check
from rankdet.evaluation.coco.federated import read_federated
from rankdet.evaluation.coco.flags import FLAGS, flags
from rankdet.evaluation.coco.ids import from_one
from rankdet.evaluation.coco.json_columns import Columns, read_columns
from rankdet.evaluation.coco.json_stream import check_end, kind, read_json, read_json_list
from rankdet.evaluation.coco.types import Detections, Federated, Floats, GroundTruth, Ints
from rankdet.evaluation.coco.unusual import remarks

IOU_TYPES = ("bbox", "segm")
FREQUENCIES = ("r", "c", "f")  # rare, common, frequent (LVIS)


def load_ground_truth(path: Path | str, iou_type: str = "bbox") -> GroundTruth:
    """Reads and checks COCO-format annotations.

    Args:
        path: a JSON object with `images`, `annotations` and `categories`.
        iou_type: "bbox" reads boxes, "segm" reads masks too.

    Raises:
        InputError: If the file is missing or not COCO annotations, an id is unknown or occurs
            twice, a box or area is missing, not finite or negative, a flag is not 0 or 1, or only
            some images have the lists of LVIS.
    """
    path = Path(path)
    data = read_json(path)
    if not isinstance(data, dict):
        raise InputError(f"{path}: found {kind(data)} where COCO annotations are a JSON object")
    for key in ("images", "annotations", "categories"):
        if not isinstance(data.get(key), list):
            raise InputError(f"{path}: has no list {key!r}; is it a file of COCO annotations?")
    images, annotations, categories = data["images"], data["annotations"], data["categories"]

    image_ids = check.unique(check.integers(images, "id", path, "image"), path, "image")
    by_id = np.argsort(image_ids, kind="stable")
    sizes = check.sizes(images, path)
    category_ids = check.unique(
        check.integers(categories, "id", path, "category"), path, "category"
    )
    names = {c["id"]: str(c.get("name", c["id"])) for c in categories}

    notes: list[str] = []
    ids = check.integers(annotations, "id", path, "annotation")
    ids = _from_one(check.unique(ids, path, "annotation"), notes)
    image_ids, category_ids = image_ids[by_id], np.sort(category_ids)
    image, category = (
        check.positions(known, check.integers(annotations, key, path, "annotation"), path, key)
        for known, key in ((image_ids, "image_id"), (category_ids, "category_id"))
    )
    boxes = check.boxes(annotations, path, "annotation", required=iou_type == "bbox")
    sizes_by_id = sizes[by_id]
    masks = None
    if iou_type == "segm":
        from rankdet.evaluation.coco.masks import encode

        masks = encode(annotations, sizes_by_id[image], path, "annotation")
    crowd, ignore = (flags(annotations, key, path) for key in FLAGS)
    if (ignore & ~crowd).any():
        notes.append(
            f"{_have(int(np.count_nonzero(ignore & ~crowd)))} `ignore` without `iscrowd`: "
            "the flag is not used, as in COCO's evaluation (a study takes them as crowds)"
        )
    return GroundTruth(
        image_ids=image_ids,
        image_sizes=sizes_by_id,
        category_ids=category_ids,
        names={int(k): names[int(k)] for k in category_ids},
        frequency=_frequency(categories, notes),
        image=image,
        category=category,
        ids=ids,
        boxes=boxes,
        area=_areas(annotations, boxes, masks, path, notes),
        crowd=crowd,
        masks=masks,
        notes=notes,
        federated=_federated([images[i] for i in by_id], path, notes),
    )


def load_detections(
    path: Path | str,
    ground_truth: GroundTruth,
    iou_type: str = "bbox",
    ignore_unknown: bool = False,
) -> Detections:
    """Reads and checks detections in COCO's results format, in blocks of bounded memory.

    Args:
        path: a JSON list of {"image_id", "category_id", "bbox" or "segmentation", "score"}.
        ground_truth: the annotations of the same images.
        iou_type: "bbox" or "segm".
        ignore_unknown: leave out detections of unknown images or categories, with a note.

    Raises:
        InputError: If the file is missing, cut off or not such a list, an id is unknown, a score or
            box is not finite, a size is negative, or a mask does not fit its image.
    """
    path = Path(path)
    check_end(path)
    columns = read_columns(path) if iou_type == "bbox" else None
    segmentations: list[Mapping[str, Any]] = []
    if columns is None:
        columns = _read_slowly(path, iou_type, segmentations)
    else:
        check.check_scores(columns.score, path)
        check.check_boxes(columns.boxes, path, "detection")
    image, category = columns.image_id, columns.category_id
    score, boxes = columns.score, columns.boxes

    notes: list[str] = []
    known = check.is_known(ground_truth.image_ids, image)
    check.report_unknown(path, "image ids", image[~known], ignore_unknown, notes)
    known_category = check.is_known(ground_truth.category_ids, category)
    check.report_unknown(path, "category ids", category[~known_category], ignore_unknown, notes)
    keep = np.flatnonzero(known & known_category)
    if len(keep) < len(score):
        image, category, score, boxes = image[keep], category[keep], score[keep], boxes[keep]
    image = check.places(ground_truth.image_ids, image)
    notes += remarks(score, boxes, ground_truth.image_sizes[image])
    masks, area = None, boxes[:, 2] * boxes[:, 3]
    if iou_type == "segm":
        from rankdet.evaluation.coco.masks import encode, mask_areas

        chosen = [segmentations[i] for i in keep]
        masks = encode(chosen, ground_truth.image_sizes[image], path, "detection", keep)
        area = mask_areas(masks)
    return Detections(
        position=keep,
        image=image,
        category=check.places(ground_truth.category_ids, category),
        boxes=boxes,
        area=area,
        score=score,
        masks=masks,
        notes=notes,
    )


def _read_slowly(path: Path, iou_type: str, segmentations: list[Mapping[str, Any]]) -> Columns:
    """Reads detections entry by entry; adds their masks to `segmentations` for "segm"."""
    parts: list[tuple[NDArray[Any], ...]] = []
    start = 0
    for block in read_json_list(path):
        parts.append(
            (
                check.integers(block, "image_id", path, "detection", start),
                check.integers(block, "category_id", path, "detection", start),
                check.scores(block, path, start),
                check.boxes(block, path, "detection", iou_type == "bbox", start),
            )
        )
        if iou_type == "segm":
            segmentations.extend({"segmentation": d.get("segmentation")} for d in block)
        start += len(block)
    image, category, score, boxes = zip(*parts, strict=True)
    return Columns(
        _join(image, np.int64),
        _join(category, np.int64),
        _join(score, np.float64),
        _join(boxes, np.float64, (-1, 4)),
    )


def _federated(
    images: Sequence[Mapping[str, Any]], path: Path, notes: list[str]
) -> Federated | None:
    found = read_federated(images, path)
    if found is not None:
        notes.append(
            "annotations are federated (LVIS): 300 detections per image, and only of categories "
            "that an image is annotated for"
        )
    return found


def _join(parts: Sequence[Any], dtype: type, shape: tuple[int, ...] = (-1,)) -> NDArray[Any]:
    return np.concatenate([np.zeros(0, dtype), *[p.ravel() for p in parts]]).reshape(shape)


def _frequency(categories: Sequence[Mapping[str, Any]], notes: list[str]) -> dict[int, str]:
    """Returns LVIS's frequency of each category that has a valid one."""
    given = {int(c["id"]): c["frequency"] for c in categories if "frequency" in c}
    known = {k: v for k, v in given.items() if v in FREQUENCIES}
    if len(known) < len(given):
        notes.append(
            f"{counted(len(given) - len(known), 'category has', 'categories have')} a 'frequency' "
            "that is not one of LVIS's "
            f"({', '.join(FREQUENCIES)}): not used"
        )
    return known


def _have(annotations: int) -> str:
    return counted(annotations, "annotation has", "annotations have")


def _from_one(ids: Ints, notes: list[str]) -> Ints:
    if len(ids) == 0 or ids.min() >= 1:
        return ids
    given = ids.tolist()
    new = from_one(given)
    if list(new) == [0]:
        notes.append(
            f"annotation id 0 (COCO's tools take it for 'unmatched') is renumbered to {new[0]}"
        )
    else:
        notes.append(
            f"{counted(len(new), 'annotation id is', 'annotation ids are')} below 1 "
            f"({check.three(list(new))}): renumbered from "
            f"{next(iter(new.values()))}"
        )
    return np.array([new.get(i, i) for i in given], dtype=np.int64)


def _areas(
    annotations: Sequence[Mapping[str, Any]],
    boxes: Floats,
    masks: list[dict[str, Any]] | None,
    path: Path,
    notes: list[str],
) -> Floats:
    given = [a.get("area") for a in annotations]
    missing = np.array([a is None for a in given], dtype=bool)
    if masks is None:
        other, source = boxes[:, 2] * boxes[:, 3], "boxes"
    else:
        from rankdet.evaluation.coco.masks import mask_areas

        other, source = mask_areas(masks), "masks"
    if missing.any():
        notes.append(f"{_have(int(missing.sum()))} no area: that of their {source} is used")
    found = check.areas([other[i] if m else given[i] for i, m in enumerate(missing)], path)
    empty = np.count_nonzero((found == 0) & (other > 0))
    if empty:
        notes.append(
            f"{_have(int(empty))} an area of 0, and their {source} are not empty: they count "
            "as small, as in COCO's evaluation (a study uses the area of their boxes)"
        )
    return found
