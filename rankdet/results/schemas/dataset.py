"""`dataset.json`: the manifest of a prepared dataset."""

from typing import Any, ClassVar

from rankdet.results.schemas.base import Part, Record


class DatasetClass(Part):
    """A category: its id in the annotations and its name."""

    id: int
    name: str


class DatasetSplit(Part):
    """A split: its annotation file, its image folder, and counts that include crowds.

    Attributes:
        n_in_epoch: images with an annotation, crowds too: an epoch of training consists of them;
            None in a manifest of an old version.
        left_out: reason to the number of annotations that training does not use for it.
        most_elongated: the image whose sides differ most: `file_name`, `width`, `height`.
        annotated: False for a split whose objects are not published: it is for prediction alone.
    """

    annotations: str
    images: str
    n_images: int | None = None
    n_in_epoch: int | None = None
    n_annotations: int | None = None
    n_crowd: int | None = None
    n_masks: int | None = None
    counts: dict[str, Any] | None = None
    left_out: dict[str, int] | None = None
    most_elongated: dict[str, Any] | None = None
    checksum: str | None = None
    annotated: bool = True


class DatasetManifest(Record):
    """The file `dataset.json`.

    Attributes:
        made_of: `code` (a hash), `config`, and `files`: each annotation file to its size, time and
            checksum; None in that of an old version.
    """

    SCHEMA: ClassVar[str] = "rankdet.dataset/1"

    name: str
    kind: str | None = None
    title: str | None = None
    classes: list[DatasetClass]
    splits: dict[str, DatasetSplit]
    checksum: str | None = None
    warnings: tuple[str, ...] = ()
    made_of: dict[str, dict[str, Any] | str] | None = None
