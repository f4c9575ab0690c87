"""The kinds of datasets that a study may name, and the keys of each."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, StringConstraints, Tag, model_validator
from pydantic_core import PydanticCustomError

from rankdet.datasets.options import ShapesOptions, SplitFiles, Text
from rankdet.strict import UNION_TAG, Strict

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=80)]

NOT_SPLITS = ("kind", "title")  # keys beside the splits in the config of a data job


class Shapes(ShapesOptions):
    """The built-in data: coloured shapes, drawn from a seed."""

    kind: Literal["shapes"] = Field(description="`shapes`: the built-in data")

    split_names: ClassVar[tuple[str, ...]] = ("train", "val")


class CocoFolder(Strict):
    """Your own data in COCO's format."""

    kind: Literal["coco-folder"] = Field(description="`coco-folder`: data in COCO's format")
    title: Text | None = Field(None, description="Shown in reports")
    splits: dict[Name, SplitFiles] = Field(
        description="Split name to its files; `train` must be there; paths start at `data_root`"
    )

    @model_validator(mode="after")
    def _has_train(self) -> "CocoFolder":
        if "train" not in self.splits:
            raise PydanticCustomError("rule", "splits: no split `train`; training needs it")
        for name in NOT_SPLITS:
            if name in self.splits:
                raise PydanticCustomError(
                    "rule", "splits: {name} is a key of datasets; rename the split", {"name": name}
                )
        return self

    @property
    def split_names(self) -> tuple[str, ...]:
        """The splits, in the config's order."""
        return tuple(self.splits)

    @property
    def files(self) -> dict[str, dict[str, str]]:
        """Split to `images` and `annotations`, relative to `data_root`."""
        return {split: files.model_dump() for split, files in self.splits.items()}


class _Published(Strict):
    """A published dataset: its annotations, and COCO's images below one root."""

    title: Text | None = Field(None, description="Shown in reports")
    root: Text = Field(
        ".", description="Folder with train2017/, val2017/ and annotations/; from `data_root`"
    )

    annotation_names: ClassVar[tuple[str, str]]
    image_folders: ClassVar[tuple[str, str]] = ("train2017", "val2017")

    @property
    def split_names(self) -> tuple[str, ...]:
        """The splits."""
        return ("train", "val")

    @property
    def files(self) -> dict[str, dict[str, str]]:
        """Split to `images` and `annotations`, relative to `data_root`."""
        return self._annotated

    @property
    def _annotated(self) -> dict[str, dict[str, str]]:
        return {
            split: {
                "images": f"{self.root}/{images}",
                "annotations": f"{self.root}/annotations/{annotations}",
            }
            for split, images, annotations in zip(
                ("train", "val"), self.image_folders, self.annotation_names, strict=True
            )
        }


class Coco(_Published):
    """COCO 2017: 118,287 images to train on, 5,000 to evaluate on, 20,288 for its server."""

    kind: Literal["coco"] = Field(description="`coco`: COCO 2017")
    test_dev: bool = Field(
        False, description="Adds the split `test-dev`, whose annotations only the server has"
    )
    annotation_names: ClassVar = ("instances_train2017.json", "instances_val2017.json")

    @property
    def split_names(self) -> tuple[str, ...]:
        """`train` and `val`, and `test-dev` if the config adds it."""
        return ("train", "val", "test-dev") if self.test_dev else ("train", "val")

    @property
    def files(self) -> dict[str, dict[str, str]]:
        """Split to `images` and `annotations`, relative to `data_root`."""
        info = f"{self.root}/annotations/image_info_test-dev2017.json"
        added = {"test-dev": {"images": f"{self.root}/test2017", "annotations": info}}
        return {**self._annotated, **(added if self.test_dev else {})}


class CocoMinitrain(_Published):
    """COCO-minitrain: 25,000 of COCO's training images; evaluated on COCO's val2017."""

    kind: Literal["coco-minitrain"] = Field(description="`coco-minitrain`: a fifth of COCO")
    annotation_names: ClassVar = ("instances_minitrain2017.json", "instances_val2017.json")


class Lvis(_Published):
    """LVIS v1: 1,203 classes, rare, common and frequent, on COCO's images."""

    kind: Literal["lvis"] = Field(description="`lvis`: LVIS v1")
    annotation_names: ClassVar = ("lvis_v1_train.json", "lvis_v1_val.json")
    image_folders: ClassVar = (".", ".")  # its annotations say which of COCO's folders


MODELS = {
    "shapes": Shapes,
    "coco-folder": CocoFolder,
    "coco": Coco,
    "coco-minitrain": CocoMinitrain,
    "lvis": Lvis,
}


def _kind(value: Any) -> str | None:
    kind = value.get("kind") if isinstance(value, Mapping) else getattr(value, "kind", None)
    return f"{UNION_TAG}{kind}" if isinstance(kind, str) and kind in MODELS else None


Dataset = Annotated[
    Annotated[Shapes, Tag(f"{UNION_TAG}shapes")]
    | Annotated[CocoFolder, Tag(f"{UNION_TAG}coco-folder")]
    | Annotated[Coco, Tag(f"{UNION_TAG}coco")]
    | Annotated[CocoMinitrain, Tag(f"{UNION_TAG}coco-minitrain")]
    | Annotated[Lvis, Tag(f"{UNION_TAG}lvis")],
    Discriminator(
        _kind,
        custom_error_type="rule",
        custom_error_message=f"kind must be one of {', '.join(MODELS)}",
    ),
]
