"""How fast one core makes training images, beside mmdet's own steps.

`python -m tests.bench.bench_loader` prints the table of docs/training-speed.md.
Both take the same images in turns, in one process with one thread. A number is the median over
rounds of images per second of processor time; so it does not depend on how busy the machine is, but
on the machine. The ratio is the median of the rounds' ratios. Images are real photos of COCO if the
folder of `RANKDET_SHARED` has them, else photos of noise with the size of COCO's median photo.
"""

import argparse
import json
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from tests.shared_data import shared_dir

CASES: dict[str, tuple[dict[str, Any], bool]] = {
    "512 square": ({"image_size": 512, "keep_ratio": False}, False),
    "512 square, ssd": (
        {"image_size": 512, "keep_ratio": False, "augmentation": "ssd"},
        False,
    ),
    "512 square, ssd-crop": (
        {"image_size": 512, "keep_ratio": False, "augmentation": "ssd-crop"},
        False,
    ),
    "800 x 1333": ({"image_size": [800, 1333]}, False),
    "480 to 960 (multi-scale)": (
        {"image_size": [800, 1333], "multi_scale": [480, 960]},
        False,
    ),
    "800 x 1333, masks": ({"image_size": [800, 1333]}, True),
    "550 square, ssd, masks": (
        {"image_size": 550, "keep_ratio": False, "augmentation": "ssd"},
        True,
    ),
}
SIDES = (427, 640)  # rows and columns of made images
MADE, OBJECTS = 20, 7


def manifest(folder: Path) -> dict[str, Any]:
    """The manifest of the training images."""
    shared = shared_dir()
    real = shared and shared / "data" / "coco_permissive_mini"
    if real and real.is_dir():
        found = {"annotations": real / "annotations" / "instances_train2017.json"}
        found["images"] = real / "train2017"
    else:
        found = made_photos(folder)
    categories = json.loads(found["annotations"].read_text())["categories"]
    splits = {"train": {key: str(path) for key, path in found.items()}}
    return {"name": "photos", "classes": categories, "splits": splits}


def made_photos(folder: Path) -> dict[str, Path]:
    """Writes JPEGs of smooth noise, and ellipses as objects."""
    import cv2

    rng = np.random.default_rng(0)
    data: dict[str, Any] = {"images": [], "annotations": []}
    data["categories"] = [{"id": 1, "name": "ellipse"}]
    for number in range(1, MADE + 1):
        noise = rng.integers(0, 256, (*SIDES, 3)).astype(np.uint8)
        cv2.imwrite(str(folder / f"{number}.jpg"), cv2.GaussianBlur(noise, (0, 0), 1))
        size = {"height": SIDES[0], "width": SIDES[1]}
        data["images"].append({"id": number, "file_name": f"{number}.jpg", **size})
        for _ in range(OBJECTS):
            data["annotations"].append(
                {"id": len(data["annotations"]) + 1, "image_id": number, **ellipse(rng)}
            )
    path = folder / "annotations.json"
    path.write_text(json.dumps(data))
    return {"annotations": path, "images": folder}


def ellipse(rng: np.random.Generator) -> dict[str, Any]:
    """A polygon of 40 points, and its box."""
    half = rng.uniform(8, 120, 2)
    centre = rng.uniform(half, np.array(SIDES[::-1]) - half)
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    points = centre + half * np.c_[np.cos(angles), np.sin(angles)]
    box = [*(centre - half), *(2 * half)]
    return {
        "category_id": 1,
        "iscrowd": 0,
        "bbox": [float(number) for number in box],
        "area": float(np.pi * half.prod()),
        "segmentation": [points.round(2).ravel().tolist()],
    }


def mmdet_pipeline(schedule: dict[str, Any], masks: bool) -> list[dict[str, Any]]:
    """The same images by mmdet's own steps, one after the other."""
    from rankdet.training import transforms

    steps = transforms.single_steps(transforms.train_pipeline(schedule, masks=masks))
    steps = [step for step in steps if step["type"] != "LoadBoxMasks"]
    steps[1] = {**steps[1], "with_mask": masks}
    return steps


def datasets(photos: dict[str, Any], schedule: dict[str, Any], masks: bool) -> tuple[Any, Any]:
    """The data of mmdet's steps and ours."""
    from rankdet.training import config, transforms
    from rankdet.training.image_draws import SeededImages

    pipelines = (
        mmdet_pipeline(schedule, masks),
        transforms.train_pipeline(schedule, masks=masks),
    )
    return tuple(
        SeededImages(config.dataset_config(photos, "train", steps, train=True), seed=1)
        for steps in pipelines
    )


def rounds(pair: tuple[Any, Any], count: int) -> Iterator[tuple[float, float]]:
    """Yields images per second of processor time of both, for each round over the data."""
    for number in range(count + 1):
        spent = [0.0, 0.0]
        for index in range(len(pair[0])):
            order = (0, 1) if (index + number) % 2 else (1, 0)
            for which in order:
                start = time.process_time()
                pair[which][number, index]
                spent[which] += time.process_time() - start
        if number:  # the first round reads the files
            yield len(pair[0]) / spent[0], len(pair[1]) / spent[1]


def main() -> None:
    """Prints the table of docs/training-speed.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--case", action="append", choices=list(CASES))
    arguments = parser.parse_args()
    from rankdet.training.environment import set_up

    set_up({"threads": 1, "device": "cpu"})
    print("| images | mmdet's steps | here | ratio (least to most) |\n|---|---|---|---|")
    with TemporaryDirectory() as folder:
        photos = manifest(Path(folder))
        for name in arguments.case or CASES:
            found = list(rounds(datasets(photos, *CASES[name]), arguments.rounds))
            theirs, ours = (statistics.median(rates) for rates in zip(*found, strict=True))
            ratios = sorted(b / a for a, b in found)
            ratio = f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
            print(f"| {name} | {theirs:.0f} | {ours:.0f} | {ratio} |", flush=True)


if __name__ == "__main__":
    main()
