"""The size of an image after training or a test has scaled it.

Light: it needs no other package, because checks and jobs use it before anything heavy is imported.
"""

import math


def scaled(size: tuple[int, int], limits: tuple[int, int]) -> tuple[int, int]:
    """Returns (width, height) of an image that is scaled with its ratio of sides kept.

    mmdet scales an image as far as both limits allow and rounds each side, half a pixel up.

    Args:
        size: (width, height) in pixels.
        limits: of the two sides in pixels; the larger number limits the longer side.
    """
    factor = min(max(limits) / max(size), min(limits) / min(size))
    return int(size[0] * factor + 0.5), int(size[1] * factor + 0.5)


def shortest_limit(size: tuple[int, int]) -> int:
    """Returns the smallest limit of the longer side that leaves the shorter side one pixel."""
    return math.ceil(max(size) / (2 * min(size)))
