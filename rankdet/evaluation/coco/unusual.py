"""What is unusual about detections that can be used: a sentence each, with the share measured."""

import numpy as np

from rankdet.errors import counted
from rankdet.evaluation.coco.types import Floats, Ints

BEYOND = 0.1  # of its width or height: a box that ends further outside its image is far outside
MANY = 0.2  # of the boxes far outside: detectors clip boxes, or exceed the image now and then
RELATIVE = 1.5  # the largest coordinate of boxes that were divided by the size of their image


def remarks(score: Floats, boxes: Floats, sizes: Ints) -> list[str]:
    """Returns what is unusual about detections.

    Args:
        score: (D,).
        boxes: (D, 4) x, y, width, height in pixels; zeros where only a mask is given.
        sizes: (D, 2) height and width of the image of each; 0 if they are not known.
    """
    if len(score) == 0:
        return ["there are no detections: AP is 0, oLRP is 1, correlations are undefined"]
    found = []
    outside = int(np.count_nonzero((score < 0) | (score > 1)))
    if outside:
        found.append(
            f"{counted(outside, 'detection has', 'detections have')} a score outside [0, 1]: used "
            "as given, calibration is undefined"
        )
    used = (boxes[:, 2:] > 0).any(1) & (sizes > 0).all(1)
    return found + _about_boxes(boxes[used], sizes[used][:, ::-1])


def _about_boxes(boxes: Floats, limits: Ints) -> list[str]:
    """Says that boxes are probably in another form; `limits` are width and height of the image."""
    if len(boxes) == 0:
        return []
    ends = boxes[:, :2] + boxes[:, 2:]
    if ends.max() <= RELATIVE and limits.min() > 10 * RELATIVE:
        return [
            f"the largest coordinate of a box is {ends.max():.2g}: are they relative to the image? "
            "Used as given; write x, y, width, height in pixels"
        ]
    far = int(np.count_nonzero((ends > (1 + BEYOND) * limits).any(1)))
    if far < MANY * len(boxes):
        return []
    corners = (boxes[:, 2:] >= boxes[:, :2]).all()
    question = "are they x1, y1, x2, y2?" if corners else "are they of images of another size?"
    return [
        f"{far} of {len(boxes)} boxes ({far / len(boxes):.0%}) end far outside their image: "
        f"{question} Used as given; write x, y, width, height in pixels of the annotated images"
    ]
