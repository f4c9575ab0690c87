"""COCO-format annotations and detections as plain arrays."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Federated:
    """LVIS: each image is annotated for some categories only (Gupta et al., CVPR 2019, section 4).

    Attributes:
        negative: for each image the ids of categories known to be absent.
        not_exhaustive: for each image the ids of categories of which not all objects are annotated.
    """

    negative: list[list[int]]
    not_exhaustive: list[list[int]]


@dataclass(frozen=True)
class GroundTruth:
    """Annotations of one split; `image` and `category` index `image_ids` and `category_ids`.

    Attributes:
        image_ids: (I,) ascending.
        image_sizes: (I, 2) height and width in pixels; 0 if the file does not give them.
        category_ids: (K,) ascending.
        names: category id to name.
        frequency: category id to "r", "c" or "f" (LVIS); empty if the file does not give it.
        image: (G,) position in `image_ids`.
        category: (G,) position in `category_ids`.
        ids: (G,) annotation ids, unique and never 0.
        boxes: (G, 4) x, y, width, height.
        area: (G,) in square pixels, as annotated.
        crowd: (G,) True for a crowd region.
        masks: G run-length encodings (`iou_type="segm"`), else None.
        notes: Remarks about the file, one sentence each.
        federated: For LVIS: the categories that each image is annotated for; else None.
    """

    image_ids: Ints
    image_sizes: Ints
    category_ids: Ints
    names: dict[int, str]
    frequency: dict[int, str]
    image: Ints
    category: Ints
    ids: Ints
    boxes: Floats
    area: Floats
    crowd: Bools
    masks: list[dict[str, Any]] | None = None
    notes: list[str] = field(default_factory=list)
    federated: Federated | None = None

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Detections:
    """Detections in the order of their file; `image` and `category` index the ground truth's ids.

    Attributes:
        position: (D,) position in the file, from 0.
        image: (D,) position in `GroundTruth.image_ids`.
        category: (D,) position in `GroundTruth.category_ids`.
        boxes: (D, 4) x, y, width, height (zeros if only masks are given).
        area: (D,) box area for "bbox", mask area for "segm", in square pixels.
        score: (D,) confidence.
        masks: D run-length encodings (`iou_type="segm"`), else None.
        notes: Remarks about the file, one sentence each.
    """

    position: Ints
    image: Ints
    category: Ints
    boxes: Floats
    area: Floats
    score: Floats
    masks: list[dict[str, Any]] | None = None
    notes: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.score)

    @classmethod
    def none(cls) -> "Detections":
        """Returns an empty set of detections."""
        ints, floats = np.zeros(0, np.int64), np.zeros(0)
        return cls(ints, ints, ints, np.zeros((0, 4)), floats, floats)
