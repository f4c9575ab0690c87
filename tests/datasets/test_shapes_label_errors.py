"""Label noise, missing labels and unequal classes of the built-in data."""

import json
from collections import Counter

import pytest

from rankdet.datasets import prepare
from rankdet.errors import InputError

CONFIG = {"kind": "shapes", "image_size": 64, "train_images": 120, "val_images": 30, "classes": 4}


def annotations(folder, split, **options):
    prepare("shapes", {**CONFIG, **options}, folder)
    return json.loads((folder / "data" / f"{split}.json").read_text())["annotations"]


def places(found):
    return {(a["image_id"], *a["bbox"]): a["category_id"] for a in found if not a["iscrowd"]}


def test_noise_changes_classes_of_the_training_data_alone(tmp_path):
    clean = places(annotations(tmp_path / "a", "train"))
    noisy = places(annotations(tmp_path / "b", "train", label_noise=0.3))
    assert noisy.keys() == clean.keys()
    share = sum(noisy[place] != clean[place] for place in clean) / len(clean)
    assert 0.24 < share < 0.36
    more = places(annotations(tmp_path / "c", "train", label_noise=0.5))
    wrong = {place for place in clean if noisy[place] != clean[place]}
    assert all(more[place] == noisy[place] for place in wrong)
    val = (tmp_path / "a/data/val.json").read_bytes()
    assert val == (tmp_path / "c/data/val.json").read_bytes()


def test_missing_labels_leave_the_images_as_they_are(tmp_path):
    clean = places(annotations(tmp_path / "a", "train"))
    fewer = places(annotations(tmp_path / "b", "train", missing_labels=0.25))
    assert fewer.items() <= clean.items()
    assert 0.69 < len(fewer) / len(clean) < 0.81
    for name in ("train/000001.png", "train/000120.png", "val.json"):
        assert (tmp_path / "a/data" / name).read_bytes() == (
            tmp_path / "b/data" / name
        ).read_bytes()


def test_frequencies_fall_by_the_ratio(tmp_path):
    found = annotations(tmp_path / "a", "train", class_ratio=0.5, crowd_fraction=0.0)
    count = Counter(a["category_id"] for a in found)
    assert count[1] > 1.5 * count[2] > 1.5 * count[3] > 1.5 * count[4] > 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"label_noise": 0.1, "classes": 1}, "needs two classes"),
        ({"class_ratio": 0.5, "long_tail": True}, "leave class_ratio out"),
        ({"missing_labels": 1.5}, "missing_labels"),
    ],
)
def test_what_is_impossible_is_one_line(tmp_path, options, words):
    with pytest.raises(InputError, match=words):
        prepare("shapes", {**CONFIG, **options}, tmp_path)


@pytest.mark.parametrize("options", [{"missing_labels": 1.0}, {"class_ratio": 1e-9}])
def test_data_without_anything_to_learn_is_refused(tmp_path, options):
    with pytest.raises(InputError, match=next(iter(options))):
        prepare("shapes", {**CONFIG, **options}, tmp_path)
