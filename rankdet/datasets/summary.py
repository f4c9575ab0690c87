"""Counts of a dataset in COCO's format."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

BINS = (0, 4, 9, 21)  # bins of objects per image start here: 0-3, 4-8, 9-20, 21+
SMALL, MEDIUM = 32**2, 96**2  # COCO's bounds of area, in pixels


def summarise(data: Mapping[str, Any], bins: Sequence[int] = BINS) -> dict[str, Any]:
    """Counts images, annotations and objects. Crowds are annotations, not objects.

    Args:
        data: COCO annotations that passed `checks.check`.
        bins: the smallest number of objects in each bin, ascending from 0.

    Returns:
        `images`, `empty_images`, `annotations`, `crowds`; `classes` (name -> objects, all classes
        in order); `sizes` (objects: small below 32², medium below 96², large); `bins`
        ("0-3", ... -> images).
    """
    objects = [a for a in data["annotations"] if not a["iscrowd"]]
    per_class = Counter(a["category_id"] for a in objects)
    per_image = Counter(a["image_id"] for a in objects)
    counts = [per_image[image["id"]] for image in data["images"]]
    return {
        "images": len(counts),
        "empty_images": counts.count(0),
        "annotations": len(data["annotations"]),
        "crowds": len(data["annotations"]) - len(objects),
        "classes": {c["name"]: per_class[c["id"]] for c in data["categories"]},
        "sizes": _sizes([a["area"] for a in objects]),
        "bins": _bins(counts, bins),
    }


def _sizes(areas: Sequence[float]) -> dict[str, int]:
    small = sum(area < SMALL for area in areas)
    large = sum(area >= MEDIUM for area in areas)
    return {"small": small, "medium": len(areas) - small - large, "large": large}


def _bins(counts: Sequence[int], bins: Sequence[int]) -> dict[str, int]:
    ends = [*(first - 1 for first in bins[1:]), None]
    table = {}
    for first, last in zip(bins, ends, strict=True):
        label = f"{first}+" if last is None else f"{first}-{last}"
        table[label] = sum(first <= n and (last is None or n <= last) for n in counts)
    return table


def described(entry: Mapping[str, Any]) -> str:
    """Returns the counts of a manifest's split in words: objects by size and by class."""
    counts = entry["counts"]
    objects = entry["n_annotations"] - entry["n_crowd"]
    sizes = ", ".join(f"{n:,} {name}" for name, n in counts["sizes"].items())
    classes = ", ".join(f"{name} {n:,}" for name, n in counts["classes"].items())
    return f"{objects:,} objects ({sizes}); by class: {classes}"
