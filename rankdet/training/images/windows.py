"""Which part of an image a training sees (Liu et al., SSD, ECCV 2016, section 2.2): draws only.

An image may be put on a larger canvas, and a window of the canvas is cut out. Both are drawn from
the boxes, before a pixel is touched. The distribution is that of mmdet's `Expand` and
`MinIoURandomCrop`, and so is each draw: the same numbers of NumPy's global generator are used, in
the same order, so that the boxes of a training are the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TRIES = 50  # windows that are tried before another overlap is drawn
PER_TRY = 4  # random numbers of a try: width, height, left, top
ASPECT = (0.5, 2.0)  # height / width of a window
WHOLE = 1  # among the overlaps: the whole canvas
FREE = 0  # among the overlaps: any window with the centre of a box
LEAST_UNION = np.float32(1e-6)  # of mmdet's IoU

Boxes = NDArray[np.float32]


@dataclass(frozen=True)
class Rectangle:
    """Whole pixels: from `left` and `top` to before `right` and `bottom`."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Its width; 0 if it is empty."""
        return max(self.right - self.left, 0)

    @property
    def height(self) -> int:
        """Its height; 0 if it is empty."""
        return max(self.bottom - self.top, 0)

    def within(self, other: "Rectangle") -> "Rectangle":
        """Returns the common part; it may be empty."""
        return Rectangle(
            max(self.left, other.left),
            max(self.top, other.top),
            min(self.right, other.right),
            min(self.bottom, other.bottom),
        )

    def moved(self, right: int, down: int) -> "Rectangle":
        """Returns the rectangle elsewhere."""
        return Rectangle(self.left + right, self.top + down, self.right + right, self.bottom + down)


@dataclass(frozen=True)
class Canvas:
    """A canvas of `width` and `height` pixels with the image at (`left`, `top`)."""

    width: int
    height: int
    left: int = 0
    top: int = 0


@dataclass(frozen=True)
class Expansion:
    """Puts images on canvases whose sides are up to `ratio_range[1]` times as long.

    Attributes:
        ratio_range: Smallest and largest ratio of the sides.
        mean: Colour of the canvas, of 255.
        to_rgb: Whether `mean` is in RGB; else it is in BGR.
        prob: How often there is a larger canvas.
    """

    ratio_range: tuple[float, float]
    mean: tuple[float, float, float]
    to_rgb: bool = True
    prob: float = 0.5

    @property
    def bgr(self) -> tuple[float, float, float]:
        """The colour of the canvas in BGR."""
        first, second, third = self.mean
        return (third, second, first) if self.to_rgb else (first, second, third)

    def draw(self, width: int, height: int) -> Canvas:
        """Returns a canvas for an image of this size."""
        uniform = np.random.uniform
        if uniform(0, 1) > self.prob:
            return Canvas(width, height)
        ratio = uniform(*self.ratio_range)
        left, top = (int(uniform(0, side * ratio - side)) for side in (width, height))
        return Canvas(int(width * ratio), int(height * ratio), left, top)


@dataclass(frozen=True)
class Crops:
    """Cuts out windows that overlap all boxes.

    Attributes:
        min_ious: The least IoUs of the window with each box, of which one is drawn. The whole
            canvas and windows without a least IoU are drawn as often as each of them.
        min_crop_size: The least side of a window, as a fraction of the canvas.
    """

    min_ious: Sequence[float]
    min_crop_size: float

    def draw(self, boxes: Boxes, width: int, height: int) -> Rectangle | None:
        """Returns a window of a canvas; None: the whole canvas.

        Args:
            boxes: (N, 4), as x1, y1, x2, y2 on the canvas.
            width: Of the canvas.
            height: Of the canvas.
        """
        modes = (WHOLE, *self.min_ious, FREE)
        while True:
            least = np.random.choice(modes)  # noqa: NPY002
            if least == WHOLE:
                return None
            before = np.random.get_state()  # noqa: NPY002
            numbers = np.random.random_sample(TRIES * PER_TRY)  # noqa: NPY002
            tries = _tries(numbers.tolist(), width, height, self.min_crop_size)
            found = _first_good(tries, boxes, least)
            # As many numbers as if the windows had been drawn one by one.
            np.random.set_state(before)  # noqa: NPY002
            np.random.random_sample(tries.used if found is None else tries.used_until[found])  # noqa: NPY002
            if found is not None:
                return Rectangle(*tries.windows[found])


@dataclass(frozen=True)
class _Tries:
    """Windows of the allowed shapes.

    Attributes:
        windows: left, top, right, bottom of each.
        used_until: Random numbers that were used up to and with each window.
        used: Random numbers of all tries.
    """

    windows: list[tuple[int, int, int, int]]
    used_until: list[int]
    used: int


def _tries(numbers: Sequence[float], width: int, height: int, least: float) -> _Tries:
    """Makes windows of random numbers in [0, 1); those of a wrong shape use two instead of four."""
    windows, used_until, used = [], [], 0
    low_w, low_h = least * width, least * height
    range_w, range_h = width - low_w, height - low_h
    for _ in range(TRIES):
        wide, high = low_w + range_w * numbers[used], low_h + range_h * numbers[used + 1]
        used += 2
        if not ASPECT[0] <= high / wide <= ASPECT[1]:
            continue
        # mmdet draws from the free space to 1, not to 0: `uniform(space)` has its end at 1.
        left, top = (width - wide), (height - high)
        left += (1.0 - left) * numbers[used]
        top += (1.0 - top) * numbers[used + 1]
        used += 2
        window = (int(left), int(top), int(left + wide), int(top + high))
        if window[0] < window[2] and window[1] < window[3]:
            windows.append(window)
            used_until.append(used)
    return _Tries(windows, used_until, used)


def _first_good(tries: _Tries, boxes: Boxes, least: float) -> int | None:
    """Returns the first window with the least IoU with all boxes and the centre of one of them."""
    if not tries.windows:
        return None
    if not len(boxes):
        return 0
    windows = np.asarray(tries.windows, dtype=np.float32)
    good = centres(windows, boxes).any(1)
    if least > FREE:
        good &= overlaps(windows, boxes).min(1).astype(np.float64) >= least
    return int(good.argmax()) if good.any() else None


def centres(windows: Boxes, boxes: Boxes) -> NDArray[np.bool_]:
    """Returns whether the centre of a box is inside a window.

    Args:
        windows: (M, 4), as x1, y1, x2, y2.
        boxes: (N, 4).

    Returns:
        (M, N).
    """
    x, y = ((boxes[:, :2] + boxes[:, 2:]) / np.float32(2)).T
    left, top, right, bottom = windows.T[..., None]
    return (x > left) & (y > top) & (x < right) & (y < bottom)


def overlaps(windows: Boxes, boxes: Boxes) -> Boxes:
    """Returns the IoU of each window with each box, as mmdet computes it.

    Args:
        windows: (M, 4), as x1, y1, x2, y2.
        boxes: (N, 4).

    Returns:
        (M, N), float32.
    """
    a, b = windows[:, None], boxes[None]
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    common = sides.clip(min=0).prod(-1)
    areas = [(x[..., 2] - x[..., 0]) * (x[..., 3] - x[..., 1]) for x in (a, b)]
    union = np.maximum(areas[0] + areas[1] - common, LEAST_UNION)
    return np.asarray(common / union, dtype=np.float32)
