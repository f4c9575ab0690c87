"""The manifest of a dataset on disk: its classes, splits, counts and checksums."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rankdet import files
from rankdet.datasets import left_out, masks
from rankdet.datasets.summary import summarise

SCHEMA = "rankdet.dataset/1"


def split_checksum(annotations_sha256: str, images: Iterable[tuple[str, str]]) -> str:
    """Returns `sha256:<hex>` over a split's annotation bytes and its images' bytes.

    Args:
        annotations_sha256: hex digest of the annotation file.
        images: (file name, hex digest of the file's bytes); their order does not matter.
    """
    digest = hashlib.sha256(annotations_sha256.encode())
    for name, image_sha256 in sorted(images):
        digest.update(f"\n{image_sha256} {name}".encode())
    return f"sha256:{digest.hexdigest()}"


def split_entry(
    data: Mapping[str, Any],
    annotations: Path,
    images: Path,
    checksum: str,
    *,
    annotated: bool = True,
    dropped: int = 0,
) -> dict[str, Any]:
    """Returns a split's part of the manifest.

    `n_in_epoch` is the number of images with an annotation, of which an epoch of training consists.
    `n_annotations` includes crowds. `n_masks` is the number of annotations with a usable
    segmentation. `counts` has the objects (without crowds) by class, by size and per image.
    `annotated` is false for a split that is only for prediction. `left_out` counts the annotations
    that training does not use, by reason; `dropped` is the number that the checks have dropped.
    """
    counts = summarise(data)
    return {
        **({} if annotated else {"annotated": False}),
        "annotations": annotations.as_posix(),
        "images": images.as_posix(),
        "n_images": len(data["images"]),
        "n_in_epoch": len({a["image_id"] for a in data["annotations"]}),
        "n_annotations": len(data["annotations"]),
        "n_crowd": sum(a["iscrowd"] for a in data["annotations"]),
        "n_masks": masks.count_usable(data),
        "counts": {key: counts[key] for key in ("classes", "sizes", "bins")},
        **({"left_out": left_out.count(data["annotations"], dropped)} if annotated else {}),
        **most_elongated(data["images"]),
        "checksum": checksum,
    }


def most_elongated(images: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Returns the image whose sides differ most, as an entry of the manifest; empty without images.

    A run needs it to know whether its image size leaves pixels of every image.
    """
    if not images:
        return {}
    image = max(images, key=lambda i: max(i["width"], i["height"]) / min(i["width"], i["height"]))
    return {"most_elongated": {key: image[key] for key in ("file_name", "width", "height")}}


def write(
    folder: Path,
    *,
    name: str,
    kind: str,
    title: str,
    categories: Sequence[Mapping[str, Any]],
    splits: Mapping[str, Mapping[str, Any]],
    warnings: Sequence[str] = (),
) -> dict[str, Any]:
    """Writes `folder/dataset.json` and returns its content."""
    digest = hashlib.sha256()
    for split, entry in splits.items():
        digest.update(f"{split} {entry['checksum']}\n".encode())
    manifest = {
        "schema": SCHEMA,
        "name": name,
        "kind": kind,
        "title": title,
        "classes": [{"id": c["id"], "name": c["name"]} for c in categories],
        "splits": {split: dict(entry) for split, entry in splits.items()},
        "checksum": f"sha256:{digest.hexdigest()}",
        "warnings": list(warnings),
    }
    files.write_json(folder / "dataset.json", manifest, indent=2)
    return manifest
