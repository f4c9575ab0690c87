"""The built-in dataset: coloured shapes on a noisy background, in COCO's format, from a seed.

The same config gives the same bytes on every machine and with every version of the libraries.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rankdet import files, whole_folders
from rankdet.datasets import manifest
from rankdet.datasets.options import ShapesOptions, shapes_options
from rankdet.datasets.shapes import contours, label_errors, long_tail, png, scene
from rankdet.datasets.shapes.bits import Bits

SPLITS = ("train", "val")  # the index of a split is part of the seed of its images
FEDERATED, ERRORS = 1, 2  # parts of the seeds of random numbers for annotations


def prepare(name: str, config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Draws the images and writes annotations and manifest; see `rankdet.datasets.prepare`."""
    settings = shapes_options(name, config)
    splits = {}
    frequencies: dict[int, str] = {}
    with whole_folders.replacing(folder / "data") as part:
        for split in SPLITS:
            (part / split).mkdir()
            data, images = _draw(settings, split, part / split)
            if settings.long_tail:
                frequencies = frequencies or long_tail.frequencies(data, settings.classes)
                data["categories"] = [
                    {**c, "frequency": frequencies[c["id"]]} for c in data["categories"]
                ]
            annotations_sha256 = files.write_json(part / f"{split}.json", data)
            splits[split] = manifest.split_entry(
                data,
                folder / "data" / f"{split}.json",
                folder / "data" / split,
                manifest.split_checksum(annotations_sha256, images),
            )
        return manifest.write(
            folder,
            name=name,
            kind="shapes",
            title=settings.title or name,
            categories=categories(settings),
            splits=splits,
        )


def categories(settings: ShapesOptions) -> list[dict[str, Any]]:
    """Returns COCO's list of categories. Ids start at 1."""
    names = enumerate(settings.class_names, 1)
    return [{"id": i, "name": name, "supercategory": "shape"} for i, name in names]


def _draw(
    settings: ShapesOptions, split: str, folder: Path
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Writes the images of a split; returns its annotations and (name, sha256) of each image."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    digests: list[tuple[str, str]] = []
    count = settings.train_images if split == "train" else settings.val_images
    for index in range(count):
        drawn = scene.make(settings, SPLITS.index(split), index)
        content = png.encode(drawn.pixels.astype(np.uint8))
        file_name = f"{index + 1:06d}.png"
        (folder / file_name).write_bytes(content)
        digests.append((file_name, hashlib.sha256(content).hexdigest()))
        found = annotate(drawn, settings.masks)
        if split == "train" and (settings.label_noise or settings.missing_labels):
            found = label_errors.with_errors(
                found,
                settings.classes,
                settings.label_noise,
                settings.missing_labels,
                Bits(settings.seed, SPLITS.index(split), index, ERRORS),
            )
        listed: dict[str, list[int]] = {}
        if settings.long_tail:
            bits = Bits(settings.seed, SPLITS.index(split), index, FEDERATED)
            found, listed = long_tail.federate(found, settings.classes, bits)
        images.append({**_image(index + 1, file_name, settings.image_size), **listed})
        for annotation in found:
            ids = {"id": len(annotations) + 1, "image_id": index + 1}
            annotations.append({**ids, **annotation})
    data = {
        "info": {
            # without the title: a new title must not change the checksum of the data
            "description": f"Built-in shapes of RankDet Bench: {split}, seed {settings.seed}",
            "version": "1",
        },
        "licenses": [
            {
                "id": 1,
                "name": "CC0 1.0 Universal",
                "url": "https://creativecommons.org/publicdomain/zero/1.0/",
            }
        ],
        "categories": categories(settings),
        "images": images,
        "annotations": annotations,
    }
    return data, digests


def _image(image_id: int, file_name: str, size: int) -> dict[str, Any]:
    return {"id": image_id, "file_name": file_name, "width": size, "height": size, "license": 1}


def annotate(drawn: scene.Scene, masks: bool = True) -> list[dict[str, Any]]:
    """Returns COCO annotations, without ids, of the visible part of each object.

    `bbox` (x, y, w, h) and `area` are those of the visible mask, in whole pixels.
    """
    annotations = []
    for index, sprite in enumerate(drawn.sprites):
        mask = drawn.owner == index
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        left, top, right, bottom = (int(n) for n in (columns[0], rows[0], columns[-1], rows[-1]))
        annotation: dict[str, Any] = {
            "category_id": sprite.category,
            "iscrowd": int(sprite.crowd),
            "bbox": [left, top, right + 1 - left, bottom + 1 - top],
            "area": int(mask.sum()),
        }
        if masks:
            cut = mask[top : bottom + 1, left : right + 1]
            annotation["segmentation"] = (
                contours.run_lengths(mask) if sprite.crowd else contours.polygons(cut, left, top)
            )
        annotations.append(annotation)
    return annotations
