"""The options of datasets: names, ranges and defaults, for data jobs and for studies alike.

Light: it needs neither numpy nor torch, because planning a study reads it.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, StringConstraints, field_validator, model_validator
from pydantic import Strict as Exact
from pydantic_core import PydanticCustomError

from rankdet.strict import Strict, read

CLASSES = (
    "circle", "square", "triangle", "diamond", "star",
    "cross", "ring", "crescent", "pentagon", "arrow",
)  # fmt: skip

Whole = Annotated[int, Exact()]
Flag = Annotated[bool, Exact()]
Fraction = Annotated[float, Field(ge=0, le=1)]
Text = Annotated[str, StringConstraints(min_length=1)]
Sides = tuple[Whole, Whole]
Knot = tuple[Fraction, Annotated[Whole, Field(ge=1, le=10_000)]]


class ShapesOptions(Strict):
    """The built-in data: coloured shapes, drawn from a seed."""

    title: Text | None = Field(None, description="Shown in reports")
    seed: Whole = Field(1, ge=0, lt=2**63, description="Another seed draws other images")
    image_size: Whole = Field(128, ge=32, le=1024, description="Side of the images in pixels")
    train_images: Whole = Field(
        96,
        ge=1,
        le=1_000_000,
        description="Images in `train`; the first ones are the same for any number",
    )
    val_images: Whole = Field(48, ge=1, le=1_000_000, description="Images in the split `val`")
    max_objects: Whole = Field(
        60, ge=1, le=1000, description="Most objects in an image, apart from crowds"
    )
    object_size: Sides | None = Field(
        None,
        description=(
            "Shortest and longest side of an object in pixels, before it is turned; by default "
            "16 to 88 % of the image's side"
        ),
    )
    classes: Whole = Field(8, ge=1, le=len(CLASSES), description="How many kinds of shapes")
    density: tuple[Knot, ...] = Field(
        ((0.5, 3), (0.88, 8), (0.96, 20), (0.99, 30)),
        description=(
            "Pairs (share of the images with objects, most objects in them), rising; the remaining "
            "images have up to `max_objects`"
        ),
    )
    empty_fraction: Fraction = Field(0.05, description="Share of images without objects")
    crowd_fraction: Fraction = Field(0.08, description="Share of images with a crowd")
    color_noise: Fraction = Field(0.1, description="Share of objects with a random class's colour")
    class_ratio: float = Field(
        1.0,
        ge=0.05,
        le=1,
        description="Number of objects of a class, divided by that of the class before it",
    )
    label_noise: Fraction = Field(
        0.0, description="Share of the annotations in `train` with another class than the object's"
    )
    missing_labels: Fraction = Field(
        0.0, lt=1, description="Share of the objects in `train` without annotation"
    )
    masks: Flag = Field(True, description="Whether annotations have masks")
    long_tail: Flag = Field(
        False, description="Rare, common and frequent classes, annotated and evaluated as LVIS"
    )

    @field_validator("density")
    @classmethod
    def _rises(cls, value: tuple[Knot, ...]) -> tuple[Knot, ...]:
        for low, high in zip(((0.0, 0), *value), value, strict=False):
            if high[0] <= low[0] or high[1] <= low[1]:
                raise PydanticCustomError("rule", "give pairs that rise, as [[0.45, 3], [0.8, 8]]")
        return value

    @model_validator(mode="after")
    def _noise_is_possible(self) -> "ShapesOptions":
        if self.label_noise and self.classes < 2:
            raise PydanticCustomError("rule", "label_noise needs two classes or more")
        if self.long_tail and self.class_ratio != 1:
            raise PydanticCustomError(
                "rule", "long_tail has its own frequencies; leave class_ratio out"
            )
        return self

    @model_validator(mode="after")
    def _objects_fit(self) -> "ShapesOptions":
        low, high = self.sides
        if not 6 <= low <= high:
            raise PydanticCustomError(
                "rule",
                "object_size: found {found}; give [shortest, longest] in pixels, 6 or more",
                {"found": f"[{low}, {high}]"},
            )
        if high > self.image_size:
            raise PydanticCustomError(
                "rule",
                "object_size goes up to {high} px, but image_size is {size}; lower it or raise "
                "image_size",
                {"high": high, "size": self.image_size},
            )
        return self

    @property
    def sides(self) -> tuple[int, int]:
        """The shortest and the longest side of an object in pixels, before it is turned."""
        if self.object_size is not None:
            return self.object_size
        return max(6, round(0.16 * self.image_size)), round(0.875 * self.image_size)

    @property
    def class_names(self) -> list[str]:
        """The names of the classes; category ids count them from 1."""
        return list(CLASSES[: self.classes])


class SplitFiles(Strict):
    """One split of data in COCO's format."""

    images: Text = Field(description="Folder of the images")
    annotations: Text = Field(description="COCO-format JSON file")


def shapes_options(name: str, config: Mapping[str, Any]) -> ShapesOptions:
    """Returns the checked options of a dataset of kind `shapes`; null means the default.

    Raises:
        InputError: If a key is unknown or a value is out of its range.
    """
    given = {key: v for key, v in config.items() if key != "kind" and v is not None}
    return read(ShapesOptions, {"title": name, **given}, f"dataset {name!r}")
