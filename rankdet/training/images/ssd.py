"""SSD's augmentation and the resizing after it, which touch each pixel once.

mmdet's steps each make a new image: all pixels get new colours, a canvas of up to 16 times the
area is filled, a window of it is cut out, and the window is resized. Here the window is drawn
first. Then only the part of the image that is in it gets new colours and is resized, once.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import mmcv
import numpy as np
from mmcv.transforms import BaseTransform
from mmdet.registry import TRANSFORMS
from mmdet.structures.bbox import autocast_box_type
from numpy.typing import NDArray

from rankdet.training.images.colours import ColourRanges
from rankdet.training.images.lighting import LightingNoise, Pixels, brighter
from rankdet.training.images.pixels import seen
from rankdet.training.images.windows import Canvas, Crops, Expansion, Rectangle, centres

Step = Mapping[str, Any]
OF_BOXES = ("gt_bboxes", "gt_bboxes_labels", "gt_ignore_flags", "gt_masks")
BLACK = (0.0, 0.0, 0.0)


@TRANSFORMS.register_module()
class SSDImages(BaseTransform):
    """Does what mmdet's steps do one after the other, with the same draws.

    Args:
        steps: Settings of `PhotoMetricDistortion`, of `LightingNoise` and `Expand` (both may be
            missing), of `MinIoURandomCrop`, and of `Resize`, `RandomResize` or
            `RandomChoiceResize`, in this order.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        self.steps = [dict(step) for step in steps]
        options = {str(step["type"]): _options(step) for step in self.steps}
        self.colours = ColourRanges(**options.pop("PhotoMetricDistortion"))
        noise, expand = options.pop("LightingNoise", None), options.pop("Expand", None)
        self.noise = None if noise is None else LightingNoise(**noise)
        self.expansion = None if expand is None else Expansion(**expand)
        self.crops = Crops(**options.pop("MinIoURandomCrop"))
        ((self.resizing, self.sizes),) = options.items()

    @autocast_box_type()
    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Changes the image, its boxes and its masks.

        Args:
            results: mmdet's: `img` (height, width, 3) in BGR, uint8; `gt_bboxes`; and, if they are
                there, `gt_bboxes_labels`, `gt_ignore_flags` and `gt_masks`.

        Returns:
            The same dict, with `img` in float32 and the other values as after mmdet's steps.
        """
        image = results["img"]
        change = self._colours()
        canvas = self._canvas(image, results)
        window = self._window(canvas, results)
        size = self._size(window, results)
        mean = self.expansion.bgr if self.expansion else BLACK
        results["img"] = seen(image, canvas, window, size, change, mean)
        results["img_shape"] = results["img"].shape[:2]
        _resize_objects(results)
        return results

    def _colours(self) -> Any:
        """Draws new colours; returns the function that gives them to pixels."""
        colours = self.colours.draw()
        if not self.noise:
            return colours.apply
        added = self.noise.draw()

        def change(pixels: NDArray[np.uint8]) -> Pixels:
            return brighter(colours.apply(pixels), added)

        return change

    def _canvas(self, image: NDArray[np.uint8], results: dict[str, Any]) -> Canvas:
        """Draws a canvas, and moves the objects."""
        height, width = image.shape[:2]
        if not self.expansion:
            return Canvas(width, height)
        canvas = self.expansion.draw(width, height)
        results["gt_bboxes"].translate_([canvas.left, canvas.top])
        if "gt_masks" in results:
            place = (canvas.height, canvas.width, canvas.top, canvas.left)
            results["gt_masks"] = results["gt_masks"].expand(*place)
        return canvas

    def _window(self, canvas: Canvas, results: dict[str, Any]) -> Rectangle:
        """Draws a window of the canvas; objects whose centre is outside are left out."""
        boxes = results["gt_bboxes"].tensor.numpy()
        window = self.crops.draw(boxes, canvas.width, canvas.height)
        if window is None:
            return Rectangle(0, 0, canvas.width, canvas.height)
        edges = np.array([window.left, window.top, window.right, window.bottom])
        inside = centres(edges[None].astype(np.float32), boxes)[0]
        for key in OF_BOXES:
            if key in results:
                results[key] = results[key][inside]
        results["gt_bboxes"].translate_([-window.left, -window.top])
        results["gt_bboxes"].clip_([window.height, window.width])
        if "gt_masks" in results:
            results["gt_masks"] = results["gt_masks"].crop(edges)
        return window

    def _size(self, window: Rectangle, results: dict[str, Any]) -> tuple[int, int]:
        """Draws the size of the image, as width and height, and notes it."""
        results["scale"] = scale = drawn_scale(self.resizing, self.sizes)
        results["keep_ratio"] = keep = self.sizes["keep_ratio"]
        sides = (window.width, window.height)
        size = mmcv.rescale_size(sides, scale) if keep else scale
        results["scale_factor"] = (size[0] / sides[0], size[1] / sides[1])
        return int(size[0]), int(size[1])

    def __repr__(self) -> str:
        """Returns the transform as it is written in a config."""
        return f"{type(self).__name__}(steps={self.steps})"


def _options(step: Step) -> dict[str, Any]:
    return {key: value for key, value in step.items() if key != "type"}


def drawn_scale(kind: str, sizes: Mapping[str, Any]) -> tuple[int, int]:
    """Returns the scale (longer, shorter side) of an image, in pixels.

    Args:
        kind: mmdet's step: `Resize`, `RandomResize` (each side between those of two scales) or
            `RandomChoiceResize` (one of several scales).
        sizes: Its settings: `scale` or `scales`.
    """
    draw = np.random.randint
    if kind == "Resize":
        return tuple(sizes["scale"])
    if kind == "RandomChoiceResize":
        return tuple(sizes["scales"][draw(len(sizes["scales"]))])
    longer, shorter = zip(*sizes["scale"], strict=True)
    return draw(min(longer), max(longer) + 1), draw(min(shorter), max(shorter) + 1)


def _resize_objects(results: dict[str, Any]) -> None:
    results["gt_bboxes"].rescale_(results["scale_factor"])
    results["gt_bboxes"].clip_(results["img_shape"])
    if "gt_masks" in results:
        masks, keep = results["gt_masks"], results["keep_ratio"]
        results["gt_masks"] = (
            masks.rescale(results["scale"]) if keep else masks.resize(results["img_shape"])
        )
