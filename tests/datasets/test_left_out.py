"""What training leaves out is counted, named, and equal to what mmdet leaves out."""

import json
import re

import pytest

from rankdet.cli import main
from rankdet.datasets import left_out, prepare
from rankdet.errors import InputError
from tests.datasets.pets import config, problems_of, write


def add(data, **values):
    """Adds an annotation of 8 x 8 pixels in image 1, with other values."""
    box = data["annotations"][0]
    new = {**box, "bbox": [4, 4, 8, 8], "area": 64, "id": 100 + len(data["annotations"]), **values}
    data["annotations"].append(new)


def mixed(data):
    add(data, bbox=[3, 3, 0.5, 9])
    add(data, bbox=[3, 3, 9, 0.99])
    add(data, bbox=[3, 3, 1, 1], area=1)
    add(data, bbox=[39.5, 3, 9, 9])  # half a pixel of it is inside
    add(data, bbox=[90, 3, 9, 9])  # outside
    add(data, ignore=1)
    add(data, ignore=1, iscrowd=1)
    add(data, ignore=0)


def trained_on(manifest):
    """Returns the number of boxes that mmdet trains on, and of those that it ignores."""
    from rankdet.training import config as training
    from rankdet.training.environment import set_up

    set_up({"device": "cpu", "threads": 1})
    from mmdet.registry import DATASETS

    data = DATASETS.build(training.dataset_config(manifest, "train", [], train=True))
    boxes = [one for i in range(len(data)) for one in data.get_data_info(i)["instances"]]
    ignored = sum(one["ignore_flag"] for one in boxes)
    return len(boxes) - ignored, ignored


def test_counts_are_those_of_mmdet(good, tmp_path):
    folder, data = good
    mixed(data)
    manifest = prepare("pets", config(folder, write(folder, data)), tmp_path / "out")
    train = manifest["splits"]["train"]
    assert train["left_out"] == {"dropped": 1, "below_1_px": 3, "ignore": 2, "crowd": 1}
    unused = sum(train["left_out"].values()) - train["left_out"]["dropped"]
    assert trained_on(manifest) == (train["n_annotations"] - unused, 1)


def test_a_part_is_a_warning_in_the_manifest(good, tmp_path):
    folder, data = good
    mixed(data)
    manifest = prepare("pets", config(folder, write(folder, data)), tmp_path / "out")
    small = next(line for line in manifest["warnings"] if "below 1 pixel" in line)
    assert small.startswith("train: boxes with a width or height below 1 pixel: 3 (annotation 104")
    assert small.endswith("kept: training leaves them out, evaluation counts them")
    assert any("annotations with 'ignore': 2 (" in line for line in manifest["warnings"])


def test_crowds_alone_are_no_warning(good, tmp_path):
    folder, data = good
    manifest = prepare("pets", config(folder, write(folder, data)), tmp_path / "out")
    assert manifest["warnings"] == []
    assert manifest["splits"]["train"]["left_out"]["crowd"] == 1


def fractions(data):
    sizes = {image["id"]: (image["width"], image["height"]) for image in data["images"]}
    for one in data["annotations"]:
        width, height = sizes[one["image_id"]]
        x, y, w, h = one["bbox"]
        one["bbox"] = [x / width, y / height, w / width, h / height]


def thin(data):
    for one in data["annotations"]:
        one["bbox"][2] = 0.5


def ignored(data):
    for one in data["annotations"]:
        one["ignore"] = 1


@pytest.mark.fault("data of which training leaves out everything")
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (fractions, "boxes between 0 and 1, as fractions of the image: 1 (all 4 boxes, the first"),
        (thin, "all of them: with a width or height below 1 pixel (4)); give a file with"),
        (ignored, "all of them: marked `ignore` (4)); give a file with annotated boxes"),
    ],
)
def test_nothing_to_train_on_is_an_error(good, tmp_path, change, expected):
    errors, warnings, _ = problems_of(good, change)
    assert len(errors) == 1 and warnings == []
    assert expected in errors[0]
    folder, data = good
    change(data)
    with pytest.raises(InputError, match=re.escape(expected)):
        prepare("pets", config(folder, write(folder, data)), tmp_path / "out")


def test_the_command_prints_what_is_left_out(good, capsys):
    folder, data = good
    mixed(data)
    assert main(["data", "check", str(folder), str(write(folder, data))]) == 0
    printed = capsys.readouterr().out
    assert (
        "not trained on     dropped by the data check (1), with a width or height below 1 pixel "
        "(3), marked `ignore` (2), crowds (1)\n"
    ) in printed


def test_every_reason_has_words(good):
    _, data = good
    mixed(data)
    reasons = {left_out.why(one) for one in data["annotations"]} - {None}
    assert reasons | {left_out.DROPPED} == set(left_out.WORDS)
    assert json.dumps(left_out.count(data["annotations"], 1))
    assert left_out.described(dict.fromkeys(left_out.WORDS, 0)) == ""
