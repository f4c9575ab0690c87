"""The long-tailed shapes: classes of three frequencies, federated annotations as in LVIS."""

import json

import pytest

from rankdet.datasets import prepare
from rankdet.datasets.shapes import long_tail
from rankdet.datasets.shapes.bits import Bits
from rankdet.datasets.summary import summarise


@pytest.fixture(scope="module")
def long_tailed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tail")
    prepare("tail", {"kind": "shapes", "long_tail": True}, folder)
    return {split: json.loads((folder / f"data/{split}.json").read_text()) for split in SPLITS}


SPLITS = ("train", "val")


def test_a_long_tail_has_rare_common_and_frequent_classes_in_both_splits(long_tailed):
    train = long_tailed["train"]
    objects = summarise(train)["classes"]
    frequency = {c["name"]: c["frequency"] for c in train["categories"]}
    assert set(frequency.values()) == {"r", "c", "f"}
    images = {name: set() for name in frequency}
    names = {c["id"]: c["name"] for c in train["categories"]}
    for one in train["annotations"]:
        images[names[one["category_id"]]].add(one["image_id"])
    for name, found in images.items():  # computed here from only the training images
        share = len(found) / len(train["images"])
        assert frequency[name] == ("r" if share <= 0.1 else "c" if share <= 0.3 else "f")
    assert objects["circle"] > 10 * min(objects.values()) > 0
    assert long_tailed["val"]["categories"] == train["categories"]
    assert all(one["iscrowd"] == 0 for data in long_tailed.values() for one in data["annotations"])


@pytest.mark.parametrize("split", SPLITS)
def test_federated_lists_have_the_annotated_classes_of_an_image(long_tailed, split):
    data = long_tailed[split]
    present = {image["id"]: set() for image in data["images"]}
    for one in data["annotations"]:
        present[one["image_id"]].add(one["category_id"])
    partly = 0
    for image in data["images"]:
        assert not present[image["id"]] & set(image["neg_category_ids"])
        assert set(image["not_exhaustive_category_ids"]) <= present[image["id"]]
        partly += len(image["not_exhaustive_category_ids"])
    assert partly > 0
    listed = sum(len(image["neg_category_ids"]) for image in data["images"])
    absent = sum(8 - len(found) for found in present.values())
    assert 0.4 < listed / absent < 0.6


def test_objects_of_classes_that_are_not_exhaustive_are_left_out():
    objects = [{"category_id": 1, "area": area} for area in (5, 9, 1, 7, 3, 8, 2)]
    outcomes = set()
    for seed in range(20):
        kept, listed = long_tail.federate(objects, 2, Bits(seed))
        outcomes.add(tuple(one["area"] for one in kept))
        assert (len(kept) < len(objects)) == (listed["not_exhaustive_category_ids"] == [1])
        assert listed["neg_category_ids"] in ([], [2])
    assert outcomes == {(5, 9, 1, 7, 3, 8, 2), (5, 9, 7, 3, 8)}


def test_long_tailed_data_is_evaluated_as_lvis(long_tailed, tmp_path):
    from rankdet.evaluation.evaluate import evaluate_files

    truth = long_tailed["val"]
    found = [
        {key: one[key] for key in ("image_id", "category_id", "bbox")} | {"score": 0.9}
        for one in truth["annotations"]
    ]
    for name, value in (("gt", truth), ("dt", found)):
        (tmp_path / f"{name}.json").write_text(json.dumps(value))
    metrics = evaluate_files(tmp_path / "gt.json", tmp_path / "dt.json")
    text = json.dumps(metrics)
    assert '"AP": 1.0' in text
    for name in ("AP_rare", "AP_common", "AP_frequent"):
        assert f'"{name}": 1.0' in text
