"""The config keys of the built-in shapes."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from rankdet.datasets import options
from rankdet.datasets.shapes.outlines import SHAPES
from rankdet.errors import InputError

Knot = tuple[float, int]


@dataclass(frozen=True)
class ShapesConfig:
    """What the generator needs; every key of a `kind: shapes` dataset is one of these.

    Attributes:
        title: shown in reports.
        seed: not negative; another seed gives other images.
        image_size: side of the square images in pixels, 32 to 1024.
        train_images: number of images in `train`; more of them leave the first ones as they are.
        val_images: number of images in `val`.
        max_objects: most objects in an image, crowds not counted.
        object_size: (shortest, longest) side of an object before turning, in pixels; by default 16
            to 88 % of the image's side. Objects that find no place are drawn smaller.
        classes: how many of the shapes to use, in the order of `outlines.SHAPES`.
        density: (share, objects) in rising order: that share of the images that are not empty has
            at most that many objects; the rest has up to `max_objects`.
        empty_fraction: share of images without any object.
        crowd_fraction: share of images with a crowd annotation.
        color_noise: share of objects that have the colour of a random class.
        masks: whether annotations carry a segmentation.
        long_tail: rare, common and frequent classes, federated annotations, no crowds, as in LVIS.
    """

    title: str = "Built-in shapes"
    seed: int = 1
    image_size: int = 128
    train_images: int = 96
    val_images: int = 48
    max_objects: int = 60
    object_size: tuple[int, int] = (20, 112)
    classes: int = 8
    density: tuple[Knot, ...] = ((0.50, 3), (0.88, 8), (0.96, 20), (0.99, 30))
    empty_fraction: float = 0.05
    crowd_fraction: float = 0.08
    color_noise: float = 0.1
    masks: bool = True
    long_tail: bool = False

    @property
    def class_names(self) -> list[str]:
        """The classes in use; category ids count them from 1."""
        return list(SHAPES)[: self.classes]

    @classmethod
    def read(cls, name: str, config: Mapping[str, Any]) -> "ShapesConfig":
        """Returns the checked config (null: the default); InputError names a wrong key."""
        where = f"dataset {name!r}"
        known = [field.name for field in fields(cls)]
        options.check_keys(config, ["kind", *known], where)
        given = {k: v for k, v in config.items() if k != "kind" and v is not None}
        values = {"title": name, **given}
        for key, value in values.items():
            values[key] = _READ[key](value, f"{where}: {key}")
        size = values.get("image_size", cls.image_size)
        values.setdefault("object_size", (max(6, round(0.16 * size)), round(0.875 * size)))
        if values["object_size"][1] > size:
            raise InputError(
                f"{where}: object_size goes up to {values['object_size'][1]} px, but image_size"
                f" is {size}; lower it or raise image_size"
            )
        return cls(**values)


def _pair(value: Any, where: str) -> tuple[int, int]:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise InputError(f"{where} is {value!r}; give two numbers, [shortest, longest] in pixels")
    low = options.integer(value[0], 6, 1024, f"{where}[0]")
    return low, options.integer(value[1], low, 1024, f"{where}[1]")


def _knots(value: Any, where: str) -> tuple[Knot, ...]:
    told = f"{where} is {value!r}; give pairs that rise, as [[0.45, 3], [0.8, 8]]"
    if not isinstance(value, list | tuple):
        raise InputError(told)
    knots: list[Knot] = [(0.0, 0)]
    for pair in value:
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise InputError(told)
        share = options.fraction(pair[0], f"{where}: share")
        count = options.integer(pair[1], 1, 10_000, f"{where}: objects")
        if share <= knots[-1][0] or count <= knots[-1][1]:
            raise InputError(told)
        knots.append((share, count))
    return tuple(knots[1:])


_READ = {
    "title": options.text,
    "seed": lambda value, where: options.integer(value, 0, 2**63 - 1, where),
    "image_size": lambda value, where: options.integer(value, 32, 1024, where),
    "train_images": lambda value, where: options.integer(value, 1, 1_000_000, where),
    "val_images": lambda value, where: options.integer(value, 1, 1_000_000, where),
    "max_objects": lambda value, where: options.integer(value, 1, 1000, where),
    "object_size": _pair,
    "classes": lambda value, where: options.integer(value, 1, len(SHAPES), where),
    "density": _knots,
    "empty_fraction": options.fraction,
    "crowd_fraction": options.fraction,
    "color_noise": options.fraction,
    "masks": options.flag,
    "long_tail": options.flag,
}
