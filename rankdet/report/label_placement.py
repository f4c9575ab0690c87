"""Where the labels of drawn boxes go, so that they can be read."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

LETTER = 0.62  # mean width of a letter, as a fraction of the font size
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Tag:
    """A text at a box, in image pixels.

    Attributes:
        text: the text.
        x: its side `anchor`.
        y: its baseline.
        anchor: "start" or "end".
        verdict: what the box is.
        number: the number of the detection; below 0 for an object.
    """

    text: str
    x: float
    y: float
    anchor: str
    verdict: str
    number: int = 0

    def area(self, size: float) -> Box:
        """Left, top, right and bottom of the area that the text covers at this font size."""
        width = LETTER * size * len(self.text)
        left = self.x - width if self.anchor == "end" else self.x
        return left, self.y - 0.8 * size, left + width, self.y + 0.2 * size


def place_labels(
    labels: Sequence[tuple[str, Box, str, int]], width: float, height: float, size: float
) -> list[Tag]:
    """Places labels at their boxes, in order, so that no label covers an earlier one.

    The positions are tried in this order: above the box, inside at its top, inside at its bottom,
    below it. If all are occupied, the label is placed above the box.

    Args:
        labels: text, box (x, y, width, height), verdict and number of each.
        width: of the image, in pixels.
        height: of the image.
        size: of the font.
    """
    placed: list[Tag] = []
    for text, box, verdict, number in labels:
        tried = [
            replace(_tag(text, box, y, verdict, width, size), number=number)
            for y in _heights(box, height, size)
        ]
        taken = [tag.area(size) for tag in placed]
        free = (t for t in tried if not any(_meet(t.area(size), other) for other in taken))
        placed.append(next(free, tried[0]))
    return placed


def _heights(box: Box, height: float, size: float) -> list[float]:
    top, bottom = box[1], box[1] + box[3]
    wanted = (top - size / 4, top + size, bottom - size / 4, bottom + size)
    return [round(min(max(y, size), height - size / 4), 1) for y in wanted]


def _tag(text: str, box: Box, y: float, verdict: str, width: float, size: float) -> Tag:
    left, _, span, _ = box
    if left + LETTER * size * len(text) > width:
        return Tag(text, round(min(left + span, width), 1), y, "end", verdict)
    return Tag(text, max(left, 0.0), y, "start", verdict)


def _meet(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
