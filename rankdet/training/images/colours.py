"""Random changes of colours (Liu et al., SSD, ECCV 2016), with the draws of mmdet's step.

They are those of mmdet's `PhotoMetricDistortion`: brightness, contrast, saturation, hue, and an
order of the channels, each with probability .5. Contrast comes before saturation and hue, or after
them. Drawing and applying are apart, so that only the pixels that will be seen are changed.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float32]
CIRCLE = np.float32(360)  # degrees
ORDER = (0, 1, 2)  # of the channels in the file


@dataclass(frozen=True)
class Colours:
    """One draw. The neutral values change nothing.

    Attributes:
        brightness: Added to all values.
        contrast: Factor on all values.
        contrast_first: Whether the contrast changes before saturation and hue.
        saturation: Factor on the saturation.
        hue: Added to the hue, in degrees.
        order: Which channel becomes the first, second and third one.
    """

    brightness: float = 0.0
    contrast: float = 1.0
    contrast_first: bool = False
    saturation: float = 1.0
    hue: float = 0.0
    order: tuple[int, ...] = ORDER

    def apply(self, image: NDArray[np.uint8]) -> Pixels:
        """Returns the changed image, a new array.

        Args:
            image: BGR pixels (height, width, 3), uint8.

        Returns:
            BGR pixels of the same shape, float32. Values may leave [0, 255], as in mmdet.
        """
        pixels = image.astype(np.float32)
        pixels += np.float32(self.brightness)
        if self.contrast_first:
            pixels *= np.float32(self.contrast)
        cv2.cvtColor(pixels, cv2.COLOR_BGR2HSV, dst=pixels)
        if self.saturation != 1:
            pixels[..., 1] *= np.float32(self.saturation)
        if self.saturation > 1:
            np.minimum(pixels[..., 1], 1, out=pixels[..., 1])
        if self.hue:
            pixels[..., 0] = _turned(pixels[..., 0], self.hue)
        cv2.cvtColor(pixels, cv2.COLOR_HSV2BGR, dst=pixels)
        return self._mixed(pixels)

    def _mixed(self, pixels: Pixels) -> Pixels:
        """Applies a late contrast and the order of the channels."""
        late = 1.0 if self.contrast_first else self.contrast
        if self.order != ORDER:
            mixing = np.eye(3, dtype=np.float32)[list(self.order)] * np.float32(late)
            return np.asarray(cv2.transform(pixels, mixing), dtype=np.float32)
        if late != 1:
            pixels *= np.float32(late)
        return pixels


def _turned(hue: Pixels, degrees: float) -> Pixels:
    """Returns hues plus an angle, in [0, 360]: OpenCV 5 gives wrong colours to negative hues."""
    turned = hue + np.float32(degrees)
    beyond = turned < 0 if degrees < 0 else turned > CIRCLE
    turned -= np.copysign(CIRCLE, np.float32(degrees)) * beyond
    return turned


@dataclass(frozen=True)
class ColourRanges:
    """From what the changes are drawn; the names are those of mmdet.

    Attributes:
        brightness_delta: Largest value that is added, of 255.
        contrast_range: Smallest and largest factor.
        saturation_range: Smallest and largest factor.
        hue_delta: Largest change of the hue, in degrees.
    """

    brightness_delta: float
    contrast_range: tuple[float, float]
    saturation_range: tuple[float, float]
    hue_delta: float

    def draw(self) -> Colours:
        """Returns a draw from NumPy's global generator, which mmcv's transforms use, too.

        All numbers are drawn, also those that are not used: as many as mmdet draws, in its order.
        """
        late, brightness, contrast, saturation, hue, order = (
            np.random.randint(2)  # noqa: NPY002
            for _ in range(6)
        )
        uniform = np.random.uniform
        added = uniform(-self.brightness_delta, self.brightness_delta)
        factor = uniform(*self.contrast_range)
        saturated = uniform(*self.saturation_range)
        turned = uniform(-self.hue_delta, self.hue_delta)
        channels = tuple(int(one) for one in np.random.permutation(3))  # noqa: NPY002
        return Colours(
            brightness=added if brightness else 0.0,
            contrast=factor if contrast else 1.0,
            contrast_first=late == 1,
            saturation=saturated if saturation else 1.0,
            hue=turned if hue else 0.0,
            order=channels if order else ORDER,
        )
