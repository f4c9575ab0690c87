"""The classes of the built-in data, and the drawing of an object.

Outlines are computed with IEEE arithmetic without library functions and rounded to 1/64 px. The
rest uses whole numbers, with 4 × 4 samples per pixel. So every machine gives the same pixels.
"""

from dataclasses import dataclass

import numpy as np

from rankdet.datasets.shapes.bits import Bits

GRAIN = 64  # outline coordinates are whole multiples of 1/64 px
SAMPLES = 4  # per pixel and axis
FULL = SAMPLES * SAMPLES  # coverage of a pixel that is completely inside

Point = tuple[float, float]


@dataclass(frozen=True)
class Shape:
    """One class: an outline in [-1, 1]² (y down), or an ellipse if the outline is empty.

    Attributes:
        color: the usual RGB of the class.
        outline: corners in order.
        turn: tan(angle / 2) of the largest random rotation.
        quarters: whether it is also rotated by random multiples of 90°.
        hole: (x, y, radius) of a hole in the ellipse.
    """

    color: tuple[int, int, int]
    outline: tuple[Point, ...] = ()
    turn: float = 0.13
    quarters: bool = False
    hole: tuple[float, float, float] | None = None


SHAPES: dict[str, Shape] = {
    "circle": Shape((214, 60, 50)),
    "square": Shape((48, 92, 214), ((-1, -1), (1, -1), (1, 1), (-1, 1))),
    "triangle": Shape((62, 168, 66), ((0, -1), (1, 0.8), (-1, 0.8)), turn=0.17),
    "diamond": Shape((236, 200, 48), ((0, -1), (0.6, 0), (0, 1), (-0.6, 0)), turn=0.1),
    "star": Shape(
        (196, 64, 188),
        (
            (0, -1),
            (0.247, -0.34),
            (0.951, -0.309),
            (0.399, 0.13),
            (0.588, 0.809),
            (0, 0.42),
            (-0.588, 0.809),
            (-0.399, 0.13),
            (-0.951, -0.309),
            (-0.247, -0.34),
        ),
        turn=0.3,
    ),
    "cross": Shape(
        (52, 188, 196),
        (
            (-0.34, -1),
            (0.34, -1),
            (0.34, -0.34),
            (1, -0.34),
            (1, 0.34),
            (0.34, 0.34),
            (0.34, 1),
            (-0.34, 1),
            (-0.34, 0.34),
            (-1, 0.34),
            (-1, -0.34),
            (-0.34, -0.34),
        ),
    ),
    "ring": Shape((238, 138, 40), hole=(0, 0, 0.55)),
    "crescent": Shape((228, 228, 220), hole=(0.5, 0, 0.8), quarters=True),
    "pentagon": Shape(
        (112, 76, 200),
        ((0, -1), (0.951, -0.309), (0.588, 0.809), (-0.588, 0.809), (-0.951, -0.309)),
    ),
    "arrow": Shape(
        (240, 150, 186),
        ((-1, -0.3), (0, -0.3), (0, -0.9), (1, 0), (0, 0.9), (0, 0.3), (-1, 0.3)),
        quarters=True,
    ),
}


def coverage(shape: Shape, size: float, aspect: float, bits: Bits) -> np.ndarray:
    """Draws one object of a class with a random rotation and subpixel shift.

    Args:
        shape: the class.
        size: the longer side before the rotation, in pixels.
        aspect: width / height in [0.5, 2].
        bits: random numbers for rotation and shift.

    Returns:
        uint8 (h, w) in [0, FULL]: the number of samples of each pixel that are inside. The array is
        the smallest with all pixels that have a sample inside.
    """
    half = size * GRAIN / 2
    axes = (half * min(1.0, aspect), half * min(1.0, 1 / aspect))
    shift = (bits.integer(0, GRAIN - 1), bits.integer(0, GRAIN - 1))
    tangent = bits.uniform(-shape.turn, shape.turn)
    quarter = bits.integer(0, 3) if shape.quarters else 0
    reach = int(0.75 * size) + 3  # in pixels: the half diagonal, and the shift
    line = np.arange(-reach * SAMPLES, reach * SAMPLES, dtype=np.int64)
    line = line * (GRAIN // SAMPLES) + GRAIN // (2 * SAMPLES)
    if shape.outline:
        corners = [_turn((x * axes[0], y * axes[1]), tangent, quarter) for x, y in shape.outline]
        whole = [(_round(x) + shift[0], _round(y) + shift[1]) for x, y in corners]
        inside = _inside_polygon(line, whole)
    else:
        inside = _inside_ellipse(line, axes, shift)
        if shape.hole:
            x, y, radius = shape.hole
            x, y = _turn((x, y), 0.0, quarter)
            centre = (_round(x * axes[0]) + shift[0], _round(y * axes[1]) + shift[1])
            inside &= ~_inside_ellipse(line, (axes[0] * radius, axes[1] * radius), centre)
    side = 2 * reach
    counted = inside.reshape(side, SAMPLES, side, SAMPLES).sum((1, 3), dtype=np.uint8)
    return _trim(counted)


def _round(value: float) -> int:
    return int(value + 0.5) if value >= 0 else -int(0.5 - value)


def _turn(point: Point, tangent: float, quarter: int) -> Point:
    """Rotates by 2·atan(tangent) + 90°·quarter, without trigonometric functions."""
    cos = (1 - tangent * tangent) / (1 + tangent * tangent)
    sin = 2 * tangent / (1 + tangent * tangent)
    x, y = point[0] * cos - point[1] * sin, point[0] * sin + point[1] * cos
    for _ in range(quarter):
        x, y = -y, x
    return x, y


def _inside_polygon(line: np.ndarray, corners: list[tuple[int, int]]) -> np.ndarray:
    """Applies the even-odd rule in whole numbers; the samples are at every (line[j], line[i])."""
    x, y = line[None, :], line[:, None]
    inside = np.zeros((line.size, line.size), bool)
    for (x1, y1), (x2, y2) in zip(corners, corners[1:] + corners[:1], strict=True):
        if y1 == y2:
            continue
        if y1 > y2:
            x1, y1, x2, y2 = x2, y2, x1, y1
        rows = (line >= y1) & (line < y2)
        left = (x - x1) * (y2 - y1) < (x2 - x1) * (y[rows] - y1)
        inside[rows] ^= left
    return inside


def _inside_ellipse(
    line: np.ndarray, axes: tuple[float, float], centre: tuple[int, int]
) -> np.ndarray:
    a, b = max(1, _round(axes[0])) ** 2, max(1, _round(axes[1])) ** 2
    x, y = (line - centre[0]) ** 2, (line - centre[1]) ** 2
    return x[None, :] * b + y[:, None] * a <= a * b


def _trim(counted: np.ndarray) -> np.ndarray:
    rows, columns = np.flatnonzero(counted.any(1)), np.flatnonzero(counted.any(0))
    return counted[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
