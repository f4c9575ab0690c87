"""Images that scaling would leave without a pixel stop a run before it starts."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rankdet.datasets import prepare
from rankdet.datasets.scaling import scaled, shortest_limit
from rankdet.errors import InputError
from rankdet.training import config, transforms

STRIPS = [(900, 3), (3, 900), (640, 5), (97, 2), (300, 299)]


@pytest.fixture(scope="module", autouse=True)
def registered():
    from rankdet.training.environment import set_up

    set_up({"device": "cpu", "threads": 1})


def resized(size, image_size):
    """Returns (width, height) after mmdet's transform; None if it fails."""
    from mmdet.registry import TRANSFORMS

    step = transforms.test_pipeline({"image_size": image_size}, {})[1]
    width, height = size
    try:
        found = TRANSFORMS.build(step).transform({"img": np.zeros((height, width, 3), np.uint8)})
    except Exception:
        return None
    return found["img"].shape[1::-1]


@pytest.mark.parametrize("size", STRIPS)
@pytest.mark.parametrize("image_size", [32, 64, 149, 150, [40, 150], [32, 149], [96, 500]])
def test_scaled_sizes_are_those_of_mmdet(size, image_size):
    ours = scaled(size, transforms.scale(image_size))
    assert resized(size, image_size) == (ours if min(ours) else None)


@pytest.mark.parametrize("size", STRIPS)
def test_the_named_limit_is_the_smallest(size):
    limit = shortest_limit(size)
    assert min(scaled(size, (limit, limit))) == 1
    assert limit == 1 or min(scaled(size, (limit - 1, limit - 1))) == 0


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    """A run on data with a strip of 900 x 3 pixels in `train` and one of 3 x 600 in `val`."""
    root = tmp_path_factory.mktemp("strips")
    splits = {}
    for split, size in (("train", (900, 3)), ("val", (3, 600))):
        (root / split).mkdir()
        images, boxes = [], []
        for i, (width, height) in enumerate(((64, 48), size), 1):
            Image.new("RGB", (width, height)).save(root / split / f"{i}.png")
            images.append({"id": i, "file_name": f"{i}.png", "width": width, "height": height})
            box = {"bbox": [0, 0, width, height], "area": width * height, "iscrowd": 0}
            boxes.append({"id": i, "image_id": i, "category_id": 1, **box})
        data = {"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "x"}]}
        (root / f"{split}.json").write_text(json.dumps(data))
        splits[split] = {"images": str(root / split), "annotations": str(root / f"{split}.json")}
    prepare("own", {"kind": "coco-folder", **splits}, root / "out")
    return {
        "manifest": str(root / "out/dataset.json"),
        "detector": "x",
        "detector_spec": {},
        "splits": ["val"],
    }


WIDE, TALL = "train: 2.png has 900 x 3 pixels", "val: 2.png has 3 x 600 pixels"


@pytest.mark.fault("image too elongated for `image_size`, or just short enough")
@pytest.mark.parametrize(
    ("schedule", "test", "expected"),
    [
        ({"image_size": 149}, {}, WIDE),
        ({"image_size": 150}, {}, None),
        ({"image_size": [64, 200]}, {}, None),
        ({"image_size": [64, 149]}, {}, WIDE),
        ({"image_size": 99, "keep_ratio": False}, {}, TALL),
        ({"image_size": 99, "keep_ratio": False}, {"keep_ratio": False}, None),
        ({"image_size": 99, "keep_ratio": False}, {"keep_ratio": False, "flip": True}, TALL),
        ({"image_size": 150}, {"image_size": 99}, TALL),
        ({"image_size": 150}, {"multi_scale": [150, 99]}, TALL),
        ({"image_size": 100, "multi_scale": [64, 149]}, {}, WIDE),
        ({"image_size": 100, "multi_scale": [64, 150]}, {}, None),
    ],
)
def test_an_elongated_image_stops_the_run(spec, schedule, test, expected):
    run = {**spec, "schedule": schedule, "test": test}
    if expected is None:
        assert config.load_manifest(run)["name"] == "own"
        return
    with pytest.raises(InputError) as caught:
        config.load_manifest(run)
    message = str(caught.value)
    assert expected in message and "\n" not in message
    needed = 150 if expected == WIDE else 100
    assert message.endswith(f"set image_size to {needed} or more")


def test_data_of_an_older_version_is_not_checked(spec, tmp_path):
    manifest = json.loads(Path(spec["manifest"]).read_text())
    for split in manifest["splits"].values():
        del split["most_elongated"]
    (tmp_path / "dataset.json").write_text(json.dumps(manifest))
    run = {**spec, "manifest": str(tmp_path / "dataset.json"), "schedule": {"image_size": 32}}
    assert config.load_manifest(run) == manifest
