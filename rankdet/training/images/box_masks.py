"""Masks of objects, stored only inside their boxes.

mmdet's `BitmapMasks` has a bitmap of the whole image for each object. It resizes, flips and sends
all of them, and RoIAlign gets a copy for each positive. Most of it is zero. Here each object has
the bitmap of its own box and the place of that box. Every operation gives the same pixels.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import cv2
import mmcv
import numpy as np
import torch
from numpy.typing import NDArray

if TYPE_CHECKING:
    from mmdet.structures.mask import BitmapMasks

Bitmap = NDArray[np.uint8]
Corner = tuple[int, int]  # left, top
MARGIN = 1  # pixels around a bitmap: as far as bilinear interpolation looks


class BoxMasks:
    """The masks of an image's objects, with the methods of mmdet's masks that a training calls.

    Methods return new masks and change nothing.

    Args:
        parts: The bitmap of each object, (rows, columns), 0 or 1. It may be empty.
        corners: Left and top of each bitmap in the image.
        height: Of the image.
        width: Of the image.
    """

    def __init__(
        self, parts: Sequence[Bitmap], corners: Sequence[Corner], height: int, width: int
    ) -> None:
        self.parts, self.corners = list(parts), list(corners)
        self.height, self.width = int(height), int(width)

    def __len__(self) -> int:
        """Returns the number of objects."""
        return len(self.parts)

    def __getitem__(self, index: Any) -> "BoxMasks":
        """Returns the masks of some objects: a number, a slice, numbers or flags of all."""
        if isinstance(index, torch.Tensor):
            index = index.cpu().numpy()
        chosen = np.atleast_1d(np.arange(len(self))[index])
        return self._with([self.parts[i] for i in chosen], [self.corners[i] for i in chosen])

    def __repr__(self) -> str:
        """Returns the number of masks and the size of the image."""
        return f"{type(self).__name__}({len(self)} of {self.height} x {self.width})"

    @classmethod
    def cat(cls, masks: Sequence["BoxMasks"]) -> "BoxMasks":
        """Returns the objects of several masks of images of one size."""
        parts = [part for one in masks for part in one.parts]
        corners = [corner for one in masks for corner in one.corners]
        return cls(parts, corners, masks[0].height, masks[0].width)

    @property
    def masks(self) -> Bitmap:
        """The whole bitmaps, (objects, height, width); they are made anew at each call."""
        whole = np.zeros((len(self), self.height, self.width), dtype=np.uint8)
        for mask, part, (left, top) in zip(whole, self.parts, self.corners, strict=True):
            mask[top : top + part.shape[0], left : left + part.shape[1]] = part
        return whole

    @property
    def areas(self) -> NDArray[np.int64]:
        """Pixels of each mask, (objects,)."""
        return np.array([np.count_nonzero(part) for part in self.parts], dtype=np.int64)

    def to_ndarray(self) -> Bitmap:
        """Returns the whole bitmaps, (objects, height, width)."""
        return self.masks

    def to_tensor(self, dtype: torch.dtype, device: torch.device | str) -> torch.Tensor:
        """Returns the whole bitmaps, (objects, height, width), as a tensor."""
        return torch.as_tensor(self.masks, device=device).to(dtype)

    def rescale(self, scale: tuple[int, int]) -> "BoxMasks":
        """Returns the masks in an image that fits into `scale` (longer, shorter side)."""
        width, height = mmcv.rescale_size((self.width, self.height), scale)
        return self.resize((height, width))

    def resize(self, out_shape: tuple[int, int]) -> "BoxMasks":
        """Returns the masks in an image of another height and width (nearest pixels)."""
        height, width = out_shape
        rows = _nearest(self.height, height)
        columns = _nearest(self.width, width)
        parts, corners = [], []
        for part, (left, top) in zip(self.parts, self.corners, strict=True):
            across, first_column = _within(columns, left, part.shape[1])
            down, first_row = _within(rows, top, part.shape[0])
            parts.append(part.take(across, axis=1).take(down, axis=0))
            corners.append((first_column, first_row))
        return BoxMasks(parts, corners, height, width)

    def flip(self, flip_direction: str = "horizontal") -> "BoxMasks":
        """Returns mirrored masks; the direction is `horizontal`, `vertical` or `diagonal`."""
        across = flip_direction in ("horizontal", "diagonal")
        down = flip_direction in ("vertical", "diagonal")
        steps = (slice(None, None, -1 if down else 1), slice(None, None, -1 if across else 1))
        corners = [
            (
                self.width - left - part.shape[1] if across else left,
                self.height - top - part.shape[0] if down else top,
            )
            for part, (left, top) in zip(self.parts, self.corners, strict=True)
        ]
        return self._with([part[steps] for part in self.parts], corners)

    def pad(self, out_shape: tuple[int, int], pad_val: int = 0) -> "BoxMasks":
        """Returns the masks in an image with more rows below and columns on the right.

        Raises:
            ValueError: If the new pixels are not 0.
        """
        if pad_val:
            raise ValueError(f"masks are padded with 0, not with {pad_val}")
        return BoxMasks(self.parts, self.corners, *out_shape)

    def expand(self, expanded_h: int, expanded_w: int, top: int, left: int) -> "BoxMasks":
        """Returns the masks on a larger image that has this image at `left` and `top`."""
        corners = [(x + left, y + top) for x, y in self.corners]
        return BoxMasks(self.parts, corners, expanded_h, expanded_w)

    def crop(self, bbox: NDArray[Any]) -> "BoxMasks":
        """Returns the masks in a part of the image: left, top, right, bottom."""
        x1, x2 = (int(x) for x in np.clip(bbox[0::2], 0, self.width))
        y1, y2 = (int(y) for y in np.clip(bbox[1::2], 0, self.height))
        parts, corners = [], []
        for part, (left, top) in zip(self.parts, self.corners, strict=True):
            rows = slice(max(y1 - top, 0), max(y2 - top, 0))
            columns = slice(max(x1 - left, 0), max(x2 - left, 0))
            parts.append(part[rows, columns])
            corners.append((max(left - x1, 0), max(top - y1, 0)))
        return BoxMasks(parts, corners, max(y2 - y1, 1), max(x2 - x1, 1))._tidy()

    def crop_and_resize(
        self,
        bboxes: Any,
        out_shape: tuple[int, int],
        inds: Any,
        device: torch.device | str = "cpu",
        interpolation: str = "bilinear",
        binarize: bool = True,
    ) -> "BitmapMasks":
        """Returns what is in some boxes of one object each: the targets of a mask head (RoIAlign).

        Args:
            bboxes: (R, 4), as x1, y1, x2, y2, inside the image.
            out_shape: Rows and columns of the result.
            inds: (R,), the object of each box.
            device: Where RoIAlign runs.
            interpolation: Not used, as in mmdet.
            binarize: Whether values become 0 or 1, with .5 as 1.
        """
        from mmcv.ops import roi_align  # needs mmcv's operations, which are installed by now
        from mmdet.structures.mask import BitmapMasks

        if not len(self) or not len(bboxes):
            return BitmapMasks(np.empty((0, *out_shape), dtype=np.uint8), *out_shape)
        bboxes = torch.as_tensor(bboxes, device=device)
        objects = torch.as_tensor(inds, device=device)
        origins = torch.tensor(self.corners, dtype=bboxes.dtype).to(device)[objects] - MARGIN
        rois = torch.cat([objects[:, None].to(bboxes.dtype), bboxes - origins.repeat(1, 2)], dim=1)
        planes = torch.from_numpy(self._with_margins()).to(device).to(bboxes.dtype)
        values = roi_align(planes[:, None], rois, out_shape, 1.0, 0, "avg", True).squeeze(1)
        found = (values >= 0.5 if binarize else values).cpu().numpy()
        return BitmapMasks(found, *out_shape)

    def _with(self, parts: Sequence[Bitmap], corners: Sequence[Corner]) -> "BoxMasks":
        return BoxMasks(parts, corners, self.height, self.width)

    def _tidy(self) -> "BoxMasks":
        """Gives objects without pixels a place inside the image."""
        corners = [
            corner if part.size else (0, 0)
            for part, corner in zip(self.parts, self.corners, strict=True)
        ]
        parts = [part if part.size else part[:0, :0] for part in self.parts]
        return self._with(parts, corners)

    def _with_margins(self) -> Bitmap:
        """Returns bitmaps of one size, with a margin of zeros, (objects, rows, columns).

        At an edge of the image the margin repeats the last pixels, because RoIAlign does so.
        """
        rows = max(len(part) for part in self.parts) + 2 * MARGIN
        columns = max(part.shape[1] for part in self.parts) + 2 * MARGIN
        planes = np.zeros((len(self), rows, columns), dtype=np.uint8)
        for plane, part, (left, top) in zip(planes, self.parts, self.corners, strict=True):
            down, across = part.shape
            if not part.size:
                continue
            edges = (
                MARGIN * (top + down == self.height),
                MARGIN * (left + across == self.width),
            )
            before = (MARGIN * (top == 0), MARGIN * (left == 0))
            padded = np.pad(part, tuple(zip(before, edges, strict=True)), mode="edge")
            first = (MARGIN - before[0], MARGIN - before[1])
            plane[first[0] : first[0] + len(padded), first[1] : first[1] + padded.shape[1]] = padded
        return planes


def _nearest(old: int, new: int) -> NDArray[np.int32]:
    """Returns which of `old` pixels each of `new` pixels is, (new,), rising: OpenCV tells it."""
    numbers = np.arange(old, dtype=np.float32)[None]
    taken = cv2.resize(numbers, (new, 1), interpolation=cv2.INTER_NEAREST)
    return taken[0].astype(np.int32)


def _within(taken: NDArray[np.int32], first: int, count: int) -> tuple[NDArray[np.int32], int]:
    """Returns which of `count` pixels from `first` on are taken, and the place of the first one."""
    start, stop = np.searchsorted(taken, [first, first + count])
    return taken[start:stop] - first, int(start)
