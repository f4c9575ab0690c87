"""Ids, flags, areas and masks of annotations: the check stops them, or all jobs read them alike."""

import json
import time

import pytest
from pycocotools import mask as coco_mask

from rankdet.cli import main
from rankdet.datasets import prepare
from rankdet.errors import InputError
from rankdet.evaluation.coco.loading import load_ground_truth
from rankdet.evaluation.evaluate import evaluate_files
from tests.datasets.pets import config, drop_from, problems_of, set_in, write

SIZE = [30, 40]  # height and width of the first image
PIXELS = SIZE[0] * SIZE[1]
WHOLE = {"size": SIZE, "counts": [100, 50, PIXELS - 150]}
TEXT = coco_mask.frPyObjects(WHOLE, *SIZE)["counts"].decode()


def prepared(good, tmp_path, change=None):
    """Returns the annotations of train as the data job writes them, and the manifest."""
    folder, data = good
    if change:
        change(data)
    manifest = prepare("pets", config(folder, write(folder, data)), tmp_path / "out")
    return json.loads((tmp_path / "out/data/train.json").read_text()), manifest


def mmdet_objects(manifest):
    """Returns the boxes that mmdet trains on."""
    from rankdet.training.config import dataset_config
    from rankdet.training.environment import set_up

    set_up({"device": "cpu", "threads": 1})
    from mmdet.registry import DATASETS

    data = DATASETS.build(dataset_config(manifest, "train", [], train=True))
    found = [one for i in range(len(data)) for one in data.get_data_info(i)["instances"]]
    return sum(not one["ignore_flag"] for one in found)


@pytest.mark.fault("`iscrowd` or `ignore` that is not 0 or 1, in data to train on")
@pytest.mark.parametrize("key", ["iscrowd", "ignore"])
@pytest.mark.parametrize("value", ["0", "False", 2, -1, 0.5, [0], {}, float("nan")], ids=repr)
def test_a_flag_that_is_not_0_or_1_is_an_error(good, key, value):
    errors, _, _ = problems_of(good, set_in("annotations", 2, **{key: value}))
    assert errors[0].startswith(f"annotations whose {key} is not 0 or 1: 1 (annotation 3 of image")


def test_absent_flags_are_0(good):
    for change in (drop_from("annotations", 2, "iscrowd"), set_in("annotations", 2, iscrowd=None)):
        errors, warnings, data = problems_of(good, change)
        assert errors == [] and data["annotations"][2]["iscrowd"] == 0
        assert warnings[0].startswith("annotations without iscrowd: 1 (annotation 3")


def test_training_and_evaluation_leave_out_what_is_ignored(good, tmp_path):
    data, manifest = prepared(good, tmp_path, set_in("annotations", 2, ignore=True))
    assert (
        "train: annotations with 'ignore': 1 (annotation 3 of image 2)" in manifest["warnings"][0]
    )
    path = tmp_path / "out/data/train.json"
    objects = int((~load_ground_truth(path).crowd).sum())
    assert objects == mmdet_objects(manifest) == 2
    assert [a["iscrowd"] for a in data["annotations"]] == [0, 1, 1, 0]


def test_only_ignored_objects_are_an_error(good):
    def change(data):
        for annotation in data["annotations"]:
            annotation["ignore"] = 1

    errors, warnings, _ = problems_of(good, change)
    assert errors[0].startswith("no objects: 1 (4 given, 4 usable") and warnings == []


@pytest.mark.fault("`area` that is 0, negative, a text or NaN")
@pytest.mark.parametrize("area", [0, 0.0, -3, "9", [], float("nan"), float("inf")], ids=repr)
def test_an_area_of_no_use_keeps_its_box(good, tmp_path, area):
    data, manifest = prepared(good, tmp_path, set_in("annotations", 2, area=area))
    what = "train: annotations without a positive area: 1 (annotation 3 of image 2: "
    assert manifest["warnings"][0].startswith(what)
    assert manifest["warnings"][0].endswith("set to the area of the box")
    assert data["annotations"][2]["area"] == 1000
    path = tmp_path / "out/data/train.json"
    assert int((~load_ground_truth(path).crowd).sum()) == mmdet_objects(manifest) == 3


@pytest.mark.fault("id of more than 64 bits, in data to train on")
@pytest.mark.parametrize("kind", ["images", "categories", "annotations"])
@pytest.mark.parametrize("value", [2**63, 2**64 + 7, -(2**63) - 1])
def test_ids_of_more_than_64_bits_are_an_error(good, kind, value):
    errors, _, _ = problems_of(good, set_in(kind, 0, id=value))
    where = f"1 (entry 0 (from 0): {value})"
    assert errors[0] == f"{kind} with an id of more than 64 bits: {where}; number them from 1"


@pytest.mark.fault("id beyond 2^53 or negative, in data to train on")
@pytest.mark.parametrize("shift", [2**53 + 1, 2**63 - 20, -9])
def test_other_ids_are_trained_on_and_evaluated(good, tmp_path, shift):
    def change(data):
        for key in ("images", "categories"):
            for entry in data[key]:
                entry["id"] += shift
        for position, entry in enumerate(data["annotations"]):
            entry.update(image_id=entry["image_id"] + shift, id=shift + position)
            entry["category_id"] += shift

    data, manifest = prepared(good, tmp_path, change)
    assert min(a["id"] for a in data["annotations"]) >= 1
    assert any("an id below 1: 4" in line for line in manifest["warnings"]) == (shift < 0)
    assert mmdet_objects(manifest) == 3
    results = [
        {k: a[k] for k in ("image_id", "category_id", "bbox")} | {"score": 0.5}
        for a in data["annotations"]
        if not a["iscrowd"]
    ]
    (tmp_path / "dt.json").write_text(json.dumps(results))
    metrics = evaluate_files(tmp_path / "out/data/train.json", tmp_path / "dt.json")["metrics"]
    assert metrics["AP"] == pytest.approx(1) and metrics["oLRP"] == pytest.approx(0)


DAMAGED = [
    {"size": SIZE, "counts": [100, 50, PIXELS - 149]},
    {"size": SIZE, "counts": [100, -50, PIXELS - 50]},
    {"size": SIZE, "counts": [100.0, 50, PIXELS - 150]},
    {"size": SIZE, "counts": ["100", 50, PIXELS - 150]},
    {"size": SIZE, "counts": []},
    {"size": SIZE, "counts": None},
    {"size": SIZE, "counts": 7},
    {"size": SIZE, "counts": TEXT[:-1]},
    {"size": SIZE, "counts": TEXT + "1"},
    {"size": SIZE, "counts": "garbage"},
    {"size": SIZE, "counts": "\u00e9"},
    {"size": SIZE, "counts": ""},
    {"size": SIZE[::-1], "counts": [PIXELS]},
    {"size": [5, 5], "counts": [25]},
    {"size": [30.0, 40.0], "counts": [PIXELS]},
    {"counts": [PIXELS]},
    "polygon",
    7,
    float("nan"),
    [[0, 0, 1e7, 0, 1e7, 1e7]],
    [[0, 0, 401, 0, 9, 9]],
    [[1, 2, 3, 4, 5, 6], [0, 0, -401, 0, 9, 9]],
    [[0, 0, float("nan"), 0, 9, 9]],
    [[float("nan"), 0, 8, 0, 9, 10**400]],
    [[0, float("inf"), 8, 0, 9, 9]],
    [float("nan"), 0, 8, 0, 9, 9],
    [["0", float("nan"), 8, 0, 9, 9]],
    [[[[[[0, 0, 8, 0, 9, 9]]]]]],
]


@pytest.mark.fault("run lengths that do not add up, garbage in RLE, polygons far outside")
@pytest.mark.parametrize("segmentation", DAMAGED, ids=lambda s: repr(s)[:60])
def test_damaged_masks_are_an_error(good, tmp_path, segmentation):
    folder, data = good
    set_in("annotations", 0, segmentation=segmentation)(data)
    start = time.monotonic()
    with pytest.raises(InputError, match=r"annotations with .*: 1 \(annotation 1 of image 1\)"):
        prepare("pets", config(folder, write(folder, data)), tmp_path / "out")
    assert time.monotonic() - start < 5  # the rasteriser would need minutes


@pytest.mark.parametrize(
    ("segmentation", "masks"),
    [
        (WHOLE, 1),
        ({"size": SIZE, "counts": TEXT}, 1),
        ([[0, 0, 400, 0, 9, 9]], 1),
        ([[-1.5, -2, 8, 0, 9, 9], [1, 1, 5, 1, 5, 5]], 1),
        # These are no masks. A detector of boxes does not need any.
        (None, 0),
        ([], 0),
        ({}, 0),
    ],
)
def test_other_masks_pass(good, tmp_path, segmentation, masks):
    _, manifest = prepared(good, tmp_path, set_in("annotations", 0, segmentation=segmentation))
    assert manifest["splits"]["train"]["n_masks"] == masks and manifest["warnings"] == []


@pytest.mark.parametrize(
    "polygons", [[[1, 2, 3, 4]], [[1, 2, 3, 4, 5, 6, 7]], [1, 2, 3, 4, 5, 6], [["1"] * 6], [[]]]
)
def test_lists_that_are_no_polygons_are_a_warning(good, tmp_path, polygons):
    # A detector of boxes can be trained, one with masks stops before training.
    _, manifest = prepared(good, tmp_path, set_in("annotations", 0, segmentation=polygons))
    assert manifest["splits"]["train"]["n_masks"] == 0
    assert "a list that is not a polygon: 1 (annotation 1 of image 1)" in manifest["warnings"][0]


@pytest.mark.fault("NaN in a field that is not used")
def test_nan_in_fields_that_are_not_used_is_null(good, tmp_path):
    nan = float("nan")

    def change(data):
        for image in data["images"]:
            image["license"] = nan
        data["annotations"][1]["attributes"] = {"occluded": [1, nan], "text": "NaN"}
        data["categories"][0]["weight"] = float("-inf")
        data["info"] = {"version": nan, "year": 2020}

    data, manifest = prepared(good, tmp_path, change)
    assert [image["license"] for image in data["images"]] == [None] * 3
    assert data["annotations"][1]["attributes"] == {"occluded": [1, None], "text": "NaN"}
    assert data["categories"][0] == {"id": 1, "name": "cat", "weight": None}
    assert data["info"] == {"version": None, "year": 2020}
    found = {line.partition(": ")[2].partition(": ")[0] for line in manifest["warnings"]}
    assert found == {
        "images with NaN or infinity in 'license', which is not used",
        "annotations with NaN or infinity in 'attributes', which is not used",
        "categories with NaN or infinity in 'weight', which is not used",
        "NaN or infinity in 'info'",
    }


def test_fields_nested_too_deeply_are_an_error(good):
    nested = float("nan")
    for _ in range(700):
        nested = [nested]
    errors, _, _ = problems_of(good, lambda data: data["images"][0].update(extra=nested))
    assert errors == ["fields nested too deeply: 1 (in a field that is not used); remove them"]


@pytest.mark.fault("image without LVIS's lists, in data to train on")
def test_an_image_without_lviss_lists_is_an_error(good, capsys):
    folder, data = good
    for image in data["images"]:
        image.update(neg_category_ids=[1], not_exhaustive_category_ids=[])
    assert problems_of(good)[0] == []
    del data["images"][1]["neg_category_ids"]
    errors, _, _ = problems_of(good)
    assert "lists of category ids: 1 (image 2: 'neg_category_ids' is None)" in errors[0]
    assert main(["data", "check", str(folder), str(write(folder, data))]) == 2
    assert "give both lists to every image (LVIS)" in capsys.readouterr().err
