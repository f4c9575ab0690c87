"""The data of a search: never an image of a split that the study reports.

Built-in shapes are drawn again from another seed. Of data in COCO's format, a fifth of the images
of `train` is held out. The other splits are not read.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rankdet.datasets import manifest, prepare
from rankdet.errors import InputError, counted
from rankdet.files import read_record, write_json
from rankdet.results.schemas.dataset import DatasetManifest, DatasetSplit
from rankdet.study.config.datasets import Shapes
from rankdet.study.plan import Study
from rankdet.whole_folders import replacing

SEED = 1000  # added to the seeds of the study
MOST_SEED = 2**63
HELD_OUT = "held-out"  # the split of data in COCO's format
SHARE = 5  # every fifth image is held out
SHAPES_WORDS, COCO_WORDS = "held-out shapes", "a fifth of train, held out"


@dataclass(frozen=True)
class HeldOut:
    """The data that a search trains with and scores on.

    Attributes:
        path: The manifest.
        content: The manifest's content.
        split: The split for scores.
        seed: Of the drawing, or of the choice of images.
        words: Where scores come from, for readers.
        epoch_images: Training images with annotations: an epoch consists of them.
    """

    path: Path
    content: DatasetManifest
    split: str
    seed: int
    words: str
    epoch_images: int

    @property
    def train(self) -> DatasetSplit:
        """The split for training."""
        return self.content.splits["train"]

    @property
    def scored(self) -> DatasetSplit:
        """The split for scores."""
        return self.content.splits[self.split]


def prepare_held_out(study: Study, name: str, folder: Path) -> HeldOut:
    """Writes the data of a search.

    Args:
        study: The study.
        name: The dataset.
        folder: For the files; images in COCO's format are not copied.

    Raises:
        InputError: If the data cannot be used, or `train` has too few images.
    """
    config = study.data_config(name)
    if isinstance(study.config.datasets[name], Shapes):
        seed = other_seed(study, name)
        prepare(name, {**config, "seed": seed}, folder)
        return _read(folder, "val", seed, SHAPES_WORDS)
    prepare(name, {"kind": config["kind"], "train": config["train"]}, folder / "all")
    whole = DatasetManifest.from_disk(folder / "all" / "dataset.json")
    _divide(whole, folder / "parts")
    return _read(folder / "parts", HELD_OUT, SEED, COCO_WORDS)


def other_seed(study: Study, name: str) -> int:
    """Returns a seed for built-in data that no dataset of the study has."""
    shapes = [data for data in study.config.datasets.values() if isinstance(data, Shapes)]
    taken = {data.seed for data in shapes}
    seed = (study.data_config(name)["seed"] + SEED) % MOST_SEED
    while seed in taken:
        seed = (seed + 1) % MOST_SEED
    return int(seed)


def _read(folder: Path, split: str, seed: int, words: str) -> HeldOut:
    path = folder / "dataset.json"
    content = DatasetManifest.from_disk(path)
    train = _annotations(content.splits["train"])
    if not _with_objects(train):
        raise InputError(f"dataset {content.name!r}: no training image has an object; add some")
    images = len({one["image_id"] for one in train["annotations"]})
    return HeldOut(path, content, split, seed, words, images)


def _divide(whole: DatasetManifest, folder: Path) -> None:
    """Writes two splits: every fifth image of `train`, in an order by hashes, and the others."""
    train = whole.splits["train"]
    data = _annotations(train)
    names = sorted((image["file_name"] for image in data["images"]), key=_draw)
    held_out = set(names[: max(1, len(names) // SHARE)])
    if len(held_out) == len(set(names)):
        raise InputError(
            f"dataset {whole.name!r}: train has {counted(len(names), 'image')}, and a part of it "
            "must be held out; add images"
        )
    chosen = {
        "train": lambda image: image["file_name"] not in held_out,
        HELD_OUT: lambda image: image["file_name"] in held_out,
    }
    write_parts(whole, {name: (train, data, keep) for name, keep in chosen.items()}, folder)


def _draw(name: str) -> str:
    return hashlib.sha256(f"{SEED} {name}".encode()).hexdigest()


def _annotations(split: DatasetSplit) -> dict[str, Any]:
    data, problem = read_record(Path(split.annotations))
    if problem:
        raise InputError(f"{split.annotations}: {problem}; run again")
    return data


Part = tuple[DatasetSplit, Mapping[str, Any], Callable[[Mapping[str, Any]], bool]]


def write_parts(whole: DatasetManifest, parts: Mapping[str, Part], folder: Path) -> None:
    """Writes a dataset of parts of splits; its images stay where they are.

    Args:
        whole: The manifest of the dataset.
        parts: New split to the split, its annotations, and which of its images are kept.
        folder: For the manifest and the annotations.
    """
    entries: dict[str, dict[str, Any]] = {}
    categories: Sequence[Mapping[str, Any]] = ()
    with replacing(folder / "data") as temporary:
        for name, (split, data, keep) in parts.items():
            categories = data["categories"]
            images = [image for image in data["images"] if keep(image)]
            ids = {image["id"] for image in images}
            kept = [one for one in data["annotations"] if one["image_id"] in ids]
            content = {**data, "images": images, "annotations": kept}
            digest = write_json(temporary / f"{name}.json", content)
            entries[name] = manifest.split_entry(
                content,
                folder / "data" / f"{name}.json",
                Path(split.images),
                manifest.split_checksum(digest, [("images", split.checksum or "")]),
            )
        manifest.write(
            folder,
            name=whole.name,
            kind=whole.kind or "",
            title=whole.title or whole.name,
            categories=categories,
            splits=entries,
        )


def few_images(data: HeldOut, train: int, scored: int, folder: Path) -> HeldOut:
    """Writes the first images of the data, to measure how fast trainings are.

    Args:
        data: The data.
        train: How many images with objects `train` gets.
        scored: How many images the split for scores gets.
        folder: For the manifest and the annotations.
    """
    training, scoring = _annotations(data.train), _annotations(data.scored)
    first = _ids(_with_objects(training)[:train])
    others = _ids(scoring["images"][:scored])
    parts: dict[str, Part] = {
        "train": (data.train, training, lambda image: image["id"] in first),
        data.split: (data.scored, scoring, lambda image: image["id"] in others),
    }
    write_parts(data.content, parts, folder)
    return _read(folder, data.split, data.seed, data.words)


def _ids(images: Sequence[Mapping[str, Any]]) -> set[Any]:
    return {image["id"] for image in images}


def _with_objects(annotations: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Images with an object that is no crowd."""
    full = {a["image_id"] for a in annotations["annotations"] if not a["iscrowd"]}
    return [image for image in annotations["images"] if image["id"] in full]
