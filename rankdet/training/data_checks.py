"""Checks whether the images of a dataset fit the image sizes of a run, before training starts."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rankdet.datasets.scaling import scaled, shortest_limit
from rankdet.errors import InputError
from rankdet.training import transforms

Size = int | Sequence[int]


def check_image_sizes(spec: Mapping[str, Any], manifest: Mapping[str, Any]) -> None:
    """Checks that scaling leaves at least one pixel of the most elongated image of each split.

    Args:
        spec: A run's spec: `schedule`, `test` and `splits` are read.
        manifest: The manifest of its dataset. A split without `most_elongated` is not checked.

    Raises:
        InputError: If a side would have no pixels; the message names the image.
    """
    schedule, test = spec["schedule"], spec.get("test") or {}
    training = _sizes_of_training(schedule) if schedule.get("keep_ratio", True) else []
    _check(manifest, "train", training)
    testing: Iterable[Size] = test.get("multi_scale") or [transforms.test_size(schedule, test)]
    stretched = not test.get("keep_ratio", True) and not transforms.several_views(test)
    for split in spec.get("splits", ()):
        _check(manifest, split, [] if stretched else testing)


def _sizes_of_training(schedule: Mapping[str, Any]) -> list[Size]:
    """Returns the size with the shortest limit of the longer side; it is the strictest."""
    longest = max(transforms.scale(schedule["image_size"]))
    sides = schedule.get("multi_scale")
    if sides is None:
        return [schedule["image_size"]]
    return [(min(sides), max(longest, *sides))]


def _check(manifest: Mapping[str, Any], split: str, sizes: Iterable[Size]) -> None:
    image = manifest["splits"].get(split, {}).get("most_elongated")
    if not image:
        return
    own = (image["width"], image["height"])
    for size in sizes:
        if min(scaled(own, transforms.scale(size))) < 1:
            raise InputError(
                f"dataset {manifest['name']!r}, {split}: {image['file_name']} has {own[0]} x "
                f"{own[1]} pixels, and image_size {size} scales its shorter side to 0; cut or "
                f"remove the image, or set image_size to {shortest_limit(own)} or more"
            )
