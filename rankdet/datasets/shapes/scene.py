"""One image of the built-in data: its objects, their positions, and their visible pixels."""

import math
from dataclasses import dataclass, field

import numpy as np

from rankdet.datasets.options import ShapesOptions
from rankdet.datasets.shapes import long_tail
from rankdet.datasets.shapes.bits import Bits, even_units
from rankdet.datasets.shapes.outlines import FULL, SHAPES, coverage

LARGE_AREA = 96**2  # COCO: objects above this are "large"
LARGE_FRACTION = 0.25  # of the images with at most 3 objects have a large one, if sizes allow it
SEEN = 0.8  # at least this fraction of each object stays visible
TRIES = 30  # positions to try for an object ...
SCALES = (1.0, 0.8, 0.65)  # ... at each of these sizes, before it is left out


@dataclass
class Sprite:
    """An object or a crowd, without a position.

    Attributes:
        category: class id, from 1.
        cover: uint8 (h, w) in [0, FULL].
        rgb: int16 (h, w, 3).
        crowd: whether it is a crowd.
    """

    category: int
    cover: np.ndarray
    rgb: np.ndarray
    crowd: bool = False

    @property
    def mask(self) -> np.ndarray:
        """The pixels of the object: those that are at least half covered."""
        return self.cover * 2 >= FULL


@dataclass
class Scene:
    """An image and the visible mask of each object.

    Attributes:
        pixels: int16 (size, size, 3) in [0, 255].
        owner: int32 (size, size): index of the object that is visible at a pixel, or -1.
        sprites: the placed objects, from back to front.
    """

    pixels: np.ndarray
    owner: np.ndarray
    sprites: list[Sprite] = field(default_factory=list)
    _seen: list[int] = field(default_factory=list)  # visible pixels of each object
    _least: list[int] = field(default_factory=list)  # so many pixels must stay visible

    def place(self, sprite: Sprite, bits: Bits) -> bool:
        """Puts a sprite in front, at a random position that leaves all others visible.

        Returns:
            Whether such a position was found.
        """
        mask = sprite.mask
        area, size = int(mask.sum()), len(self.owner)
        least = max(1, int(SEEN * area))
        if area > LARGE_AREA and not sprite.crowd:
            least = max(least, LARGE_AREA + 1)
        room = [size - side for side in mask.shape]
        # Up to a seventh of a side may be outside of the image; large objects are fully inside.
        out = [0 if least > LARGE_AREA else side // 7 for side in mask.shape]
        for _ in range(TRIES):
            top, left = (bits.integer(-o, max(-o, r + o)) for o, r in zip(out, room, strict=True))
            if self._fits(mask, top, left, least):
                self._paint(sprite, top, left)
                self._least.append(least)
                return True
        return False

    def _window(
        self, top: int, left: int, shape: tuple[int, ...]
    ) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        """Returns the slices of the image and of the sprite where the two overlap."""
        size = len(self.owner)
        y1, y2 = max(0, top), min(size, top + shape[0])
        x1, x2 = max(0, left), min(size, left + shape[1])
        here = (slice(y1, y2), slice(x1, x2))
        return here, (slice(y1 - top, y2 - top), slice(x1 - left, x2 - left))

    def _fits(self, mask: np.ndarray, top: int, left: int, least: int) -> bool:
        here, part = self._window(top, left, mask.shape)
        hidden = self.owner[here][mask[part]]
        if hidden.size < least:
            return False
        lost = np.bincount(hidden[hidden >= 0])
        return all(self._seen[k] - lost[k] >= self._least[k] for k in np.flatnonzero(lost))

    def _paint(self, sprite: Sprite, top: int, left: int) -> None:
        here, part = self._window(top, left, sprite.cover.shape)
        cover = sprite.cover[part][..., None].astype(np.int16)
        behind = self.pixels[here]
        self.pixels[here] = (sprite.rgb[part] * cover + behind * (FULL - cover)) // FULL
        mask = sprite.mask[part]
        hidden = self.owner[here][mask]
        for index, lost in enumerate(np.bincount(hidden[hidden >= 0])):
            self._seen[index] -= int(lost)
        self._seen.append(int(mask.sum()))
        self.owner[here][mask] = len(self.sprites)
        self.sprites.append(sprite)


def make(config: ShapesOptions, split: int, index: int) -> Scene:
    """Returns image `index` of a split. Images do not depend on each other."""
    bits = Bits(config.seed, split, index)
    density, crowd, large = even_units(config.seed, split, index)
    size = config.image_size
    scene = Scene(background(size, bits), np.full((size, size), -1, np.int32))
    count = objects_wanted(config, density)
    sides = _sides(config, count, bits)
    if count and count <= 3 and large < LARGE_FRACTION:
        scene.place(_large(config, bits), bits)
        sides.pop(0)
    if crowd < config.crowd_fraction and not config.long_tail:
        scene.place(_crowd(config, bits), bits)
    for side in sides:
        category = _category(config, bits)
        for scale in SCALES:
            aspect = bits.uniform(0.8, 1.25)
            if scene.place(_object(config, category, scale * side, aspect, bits), bits):
                break
    return scene


def _category(config: ShapesOptions, bits: Bits) -> int:
    if config.long_tail:
        return long_tail.category(bits.unit(), config.classes)
    if config.class_ratio != 1:
        return long_tail.category(bits.unit(), config.classes, config.class_ratio)
    return bits.integer(1, config.classes)


def objects_wanted(config: ShapesOptions, unit: float) -> int:
    """Maps a number in [0, 1) to a number of objects, by `empty_fraction` and `density`."""
    if unit < config.empty_fraction:
        return 0
    share = (unit - config.empty_fraction) / (1 - config.empty_fraction)
    last_share, last_count = 0.0, 0
    for knot_share, knot_count in (*config.density, (1.0, config.max_objects)):
        if share < knot_share:
            steps = max(1, knot_count - last_count)
            step = int((share - last_share) / (knot_share - last_share) * steps)
            return min(config.max_objects, last_count + 1 + step)
        last_share, last_count = knot_share, knot_count
    return min(config.max_objects, last_count)


def _sides(config: ShapesOptions, count: int, bits: Bits) -> list[float]:
    """Returns the sizes of the objects, largest (at the back) first."""
    low, high = config.sides
    # Many objects are smaller, so that they fit: count · side² ≤ 1.4 · size² fills about half.
    square = 14 * config.image_size**2 // (10 * max(count, 3))
    high = max(low, min(high, math.isqrt(square)))
    return sorted((bits.uniform(low, high) for _ in range(count)), reverse=True)


def _colors(config: ShapesOptions, category: int, shape: tuple[int, ...], bits: Bits) -> np.ndarray:
    """Returns the colour of the class, or sometimes of a random class, with variation and noise."""
    names = config.class_names
    name = names[category - 1]
    if bits.unit() < config.color_noise:
        name = bits.choice(names)
    base = [c + bits.integer(-26, 26) for c in SHAPES[name].color]
    top, bottom, row = bits.integer(-16, 16), bits.integer(-16, 16), np.arange(shape[0])
    shade = (top * row[::-1] + bottom * row) // max(1, shape[0] - 1)
    rgb = np.array(base) + shade[:, None, None] + bits.noise((*shape, 3), 9)
    return rgb.clip(0, 255).astype(np.int16)


def _object(config: ShapesOptions, category: int, side: float, aspect: float, bits: Bits) -> Sprite:
    name = config.class_names[category - 1]
    cover = coverage(SHAPES[name], side, aspect, bits)
    return Sprite(category, cover, _colors(config, category, cover.shape, bits))


def _large(config: ShapesOptions, bits: Bits) -> Sprite:
    """Returns a circle or a square of almost the largest size; other shapes have less area."""
    category = bits.integer(1, min(2, config.classes))
    share = bits.uniform(0.98, 1.0) if category == 1 else bits.uniform(0.88, 0.96)
    side = share * config.sides[1]
    return _object(config, category, side, 1.0, bits)


def _crowd(config: ShapesOptions, bits: Bits) -> Sprite:
    """Returns a cluster of small objects of one class, annotated as a crowd."""
    category = bits.integer(1, config.classes)
    side = max(16, int(bits.uniform(0.2, 0.4) * config.image_size))
    cover = np.zeros((side, side), np.uint8)
    rgb = np.zeros((side, side, 3), np.int16)
    low = max(5.0, 0.04 * config.image_size)
    for _ in range(bits.integer(8, 20)):
        one = _object(config, category, bits.uniform(low, 1.6 * low), 1.0, bits)
        height, width = one.cover.shape
        if height > side or width > side:
            continue
        top, left = bits.integer(0, side - height), bits.integer(0, side - width)
        here = (slice(top, top + height), slice(left, left + width))
        front = one.cover > cover[here]
        cover[here][front], rgb[here][front] = one.cover[front], one.rgb[front]
    return Sprite(category, cover, rgb, crowd=True)


def background(size: int, bits: Bits) -> np.ndarray:
    """Returns a grey background: smooth noise of two scales, a few edges, and pixel noise.

    Returns:
        int16 (size, size, 3) in [0, 255].
    """
    grey = bits.integer(70, 140)
    base = np.array([grey + bits.integer(-16, 16) for _ in range(3)], np.int32)
    pixels = np.broadcast_to(base, (size, size, 3)).copy()
    for cells, amplitude in ((3, 30), (12, 16)):
        pixels += _smooth_noise(size, cells, amplitude, bits)[..., None]
    y, x = np.mgrid[:size, :size].astype(np.int32)
    for _ in range(bits.integer(0, 4)):
        across, down = bits.integer(-8, 8), bits.integer(-8, 8)
        through = across * bits.integer(0, size - 1) + down * bits.integer(0, size - 1)
        pixels += np.where(across * x + down * y > through, bits.integer(-18, 18), 0)[..., None]
    pixels += bits.noise((size, size, 3), 9)
    return pixels.clip(0, 255).astype(np.int16)


def _smooth_noise(size: int, cells: int, amplitude: int, bits: Bits) -> np.ndarray:
    """Returns random values on a grid, interpolated in whole numbers: int32 (size, size)."""
    grid = bits.noise((cells + 2, cells + 2), amplitude).astype(np.int32)
    at = np.arange(size, dtype=np.int32) * cells
    cell, part = at // size, at % size
    rows = grid[cell] * (size - part)[:, None] + grid[cell + 1] * part[:, None]
    both = rows[:, cell] * (size - part) + rows[:, cell + 1] * part
    return both // (size * size)
