"""The pixels of a window of a canvas: only those of the image in it are changed and resized."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from rankdet.training.images.windows import Canvas, Rectangle

Pixels = NDArray[np.float32]
EDGE = 1  # pixels: as far as bilinear interpolation looks beyond an edge


def seen(
    image: NDArray[np.uint8],
    canvas: Canvas,
    window: Rectangle,
    size: tuple[int, int],
    change: Callable[[NDArray[np.uint8]], Pixels],
    mean: tuple[float, float, float],
) -> Pixels:
    """Returns a window of the canvas, resized.

    The result is that of these steps: change the colours of the image, put it on the canvas, cut
    out the window, resize it (bilinear). If the canvas is seen, `cv2.warpAffine` resizes; its
    positions are rounded a little, to 1/32 pixel in OpenCV 4.

    Args:
        image: (height, width, 3), BGR, uint8.
        canvas: The canvas and the place of the image on it.
        window: The window on the canvas.
        size: Width and height of the result.
        change: New colours of pixels; each depends only on its own pixel.
        mean: BGR colour of the canvas, of 255.

    Returns:
        (height, width, 3), BGR, float32.
    """
    height, width = image.shape[:2]
    place = Rectangle(0, 0, width, height).moved(canvas.left, canvas.top)
    part = place.within(window)
    if not part.width or not part.height:
        return np.full((size[1], size[0], 3), mean, dtype=np.float32)
    own = part.moved(-canvas.left, -canvas.top)
    cut = image[own.top : own.bottom, own.left : own.right]
    if part == window:
        return np.asarray(cv2.resize(change(cut), size), dtype=np.float32)
    # At an edge of the window, interpolation repeats the last pixel; elsewhere it sees the canvas.
    left, top = EDGE * (part.left == window.left), EDGE * (part.top == window.top)
    right, bottom = EDGE * (part.right == window.right), EDGE * (part.bottom == window.bottom)
    padded = cv2.copyMakeBorder(cut, top, bottom, left, right, cv2.BORDER_REPLICATE)
    corner = (part.left - window.left - left, part.top - window.top - top)
    return _placed(change(np.asarray(padded, dtype=np.uint8)), corner, window, size, mean)


def _placed(
    pixels: Pixels,
    corner: tuple[int, int],
    window: Rectangle,
    size: tuple[int, int],
    mean: tuple[float, float, float],
) -> Pixels:
    """Resizes pixels that have their corner at a place of the window."""
    factors = (window.width / size[0], window.height / size[1])
    # The centre of pixel i of the result is at (i + .5) * factor in the window.
    starts = [0.5 * f - 0.5 - at for f, at in zip(factors, corner, strict=True)]
    matrix = np.array([[factors[0], 0, starts[0]], [0, factors[1], starts[1]]])
    return np.asarray(
        cv2.warpAffine(
            pixels,
            matrix,
            size,
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=mean,
        ),
        dtype=np.float32,
    )
