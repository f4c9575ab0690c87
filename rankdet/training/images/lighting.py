"""Lighting noise along ImageNet's colour axes, as in AlexNet and in the ablations of aLRP Loss."""

from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform
from mmdet.registry import TRANSFORMS
from numpy.typing import NDArray

# Principal axes of ImageNet's RGB values (in [0, 1]) and their variances: Krizhevsky et al.,
# ImageNet Classification with Deep Convolutional Neural Networks, NeurIPS 2012, section 4.1.
VARIANCES = np.array([0.2175, 0.0188, 0.0045])
AXES = np.array(
    [[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]]
)


Pixels = NDArray[np.float32]


def brighter(pixels: Pixels, colour: Pixels) -> Pixels:
    """Returns pixels (height, width, 3) plus a colour (3,), between 0 and 255."""
    return np.clip(pixels + colour, 0, 255)


@TRANSFORMS.register_module()
class LightingNoise(BaseTransform):
    """Adds one random colour to the whole image.

    The colour is `AXES @ (VARIANCES * draw)`, in units of 255, with a draw from a normal
    distribution for each axis.

    Args:
        std: Standard deviation of the draws; the papers' code uses .1.
    """

    def __init__(self, std: float = 0.1) -> None:
        self.std = std

    def draw(self) -> Pixels:
        """Returns a colour in BGR, (3,), of 255."""
        draw = np.random.normal(0, self.std, 3)  # noqa: NPY002  (mmcv's transforms share this state)
        return (255 * (AXES @ (VARIANCES * draw)))[::-1].astype(np.float32)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Changes `img`, a BGR image (height, width, 3) with values from 0 to 255."""
        results["img"] = brighter(np.asarray(results["img"], dtype=np.float32), self.draw())
        return results

    def __repr__(self) -> str:
        """Returns the transform as it is written in a config."""
        return f"{type(self).__name__}(std={self.std})"
