"""COCO, COCO-minitrain and LVIS in their published layouts, with a few made-up images."""

import json

import pytest
from PIL import Image

from rankdet.datasets import coco, prepare
from rankdet.datasets.coco import Published
from rankdet.errors import InputError
from rankdet.study import data
from rankdet.study.config.check import check_config

STUDY = {
    "study": "tiny",
    "title": "t",
    "scale": "s",
    "preset": "small",
    "runs": [{"dataset": "d", "detectors": ["retinanet"], "losses": ["ap"]}],
    "schedule": {"image_size": 64, "batch_size": 2, "iterations": 3},
}


def images(root, split, ids):
    (root / f"{split}2017").mkdir(parents=True, exist_ok=True)
    entries = []
    for k in ids:
        name = f"{k:012d}.jpg"
        Image.new("RGB", (40, 30), (k, 9, 9)).save(root / f"{split}2017" / name)
        entries.append({"id": k, "file_name": name, "width": 40, "height": 30})
    return entries


def annotated(entries, classes=2):
    categories = [{"id": k, "name": f"class {k}"} for k in range(1, classes + 1)]
    annotations = [
        {
            "id": k,
            "image_id": entry["id"],
            "category_id": 1 + k % classes,
            "bbox": [1, 2, 12, 9 + k],
            "area": 12 * (9 + k),
            "iscrowd": 0,
        }
        for k, entry in enumerate(entries, 1)
    ]
    return {"images": entries, "annotations": annotations, "categories": categories}


def as_lvis(content, folder_of):
    content = json.loads(json.dumps(content))
    for k, category in enumerate(content["categories"]):
        category["frequency"] = "rcf"[k % 3]
    for image in content["images"]:
        name = image.pop("file_name")
        image["coco_url"] = f"http://images.cocodataset.org/{folder_of(image['id'])}/{name}"
        image |= {"neg_category_ids": [2], "not_exhaustive_category_ids": [1]}
    for annotation in content["annotations"]:
        del annotation["iscrowd"]
    return content


@pytest.fixture
def root(tmp_path, monkeypatch):
    """All three layouts: train images 1 to 4 (minitrain: 1, 2), val images 5 and 6."""
    root = tmp_path / "coco"
    train, val = images(root, "train", [1, 2, 3, 4]), images(root, "val", [5, 6])
    (root / "annotations").mkdir()
    lvis_val = as_lvis(annotated([*val, train[3]]), lambda k: f"{'train' if k < 5 else 'val'}2017")
    contents = {
        "instances_train2017": annotated(train),
        "instances_minitrain2017": annotated(train[:2]),
        "instances_val2017": annotated(val),
        "lvis_v1_train": as_lvis(annotated(train[:3]), lambda _: "train2017"),
        "lvis_v1_val": lvis_val,  # some of COCO's training images are in LVIS's val
    }
    for name, content in contents.items():
        (root / f"annotations/{name}.json").write_text(json.dumps(content))
    counts = {
        "coco": {"train": Published(4, 4), "val": Published(2, 2)},
        "coco-minitrain": {"train": Published(2, None), "val": Published(2, 2)},
        "lvis": {"train": Published(3, 3), "val": Published(3, 3)},
    }
    monkeypatch.setattr(coco, "COUNTS", counts)
    monkeypatch.setattr(coco, "CATEGORIES", dict.fromkeys(counts, 2))
    return root


def planned(root, kind):
    """The config of the dataset in a study."""
    given = {**STUDY, "datasets": {"d": {"kind": kind}}, "data_root": str(root)}
    config = check_config(given, "s.yaml")
    data.check(config, ["d"], "s.yaml")
    return data.prepare_config(config, "d")


@pytest.mark.parametrize(("kind", "train"), [("coco", 4), ("coco-minitrain", 2)])
def test_coco_and_minitrain(root, tmp_path, kind, train):
    manifest = prepare("d", planned(root, kind), tmp_path / "out")
    assert manifest["kind"] == kind
    assert manifest["warnings"] == []
    counts = {split: entry["n_images"] for split, entry in manifest["splits"].items()}
    assert counts == {"train": train, "val": 2}
    assert manifest["splits"]["train"]["images"] == f"{root}/train2017"
    found = manifest["splits"]["train"]["counts"]
    assert found["classes"] == {"class 1": train // 2, "class 2": train // 2}
    assert found["sizes"] == {"small": train, "medium": 0, "large": 0}


def test_lvis_takes_images_of_both_folders(root, tmp_path):
    manifest = prepare("d", planned(root, "lvis"), tmp_path / "out")
    assert manifest["warnings"] == []
    cleaned = json.loads((tmp_path / "out/data/val.json").read_text())
    names = [image["file_name"].partition("/")[0] for image in cleaned["images"]]
    assert names == ["val2017", "val2017", "train2017"]
    assert [c["frequency"] for c in cleaned["categories"]] == ["r", "c"]
    assert cleaned["images"][0]["neg_category_ids"] == [2]
    folder = manifest["splits"]["val"]["images"]
    for image in cleaned["images"]:
        assert Image.open(f"{folder}/{image['file_name']}").size == (40, 30)


def edit(root, name, change):
    path = root / f"annotations/{name}.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("kind", "file", "change", "message"),
    [
        (
            "coco",
            "instances_train2017",
            lambda c: c["images"].pop(),
            "has 3 images, the published train of 'coco' has 4; download it again, or use `kind: c",
        ),
        (
            "coco",
            "instances_val2017",
            lambda c: c["annotations"].pop(),
            "has 1 annotations, the published val of 'coco' has 2",
        ),
        (
            "coco-minitrain",
            "instances_minitrain2017",
            lambda c: c["images"].pop(),
            "has 1 images, the published train of 'coco-minitrain' has 2",
        ),
        (
            "coco-minitrain",
            "instances_minitrain2017",
            lambda c: c["images"][0].update(file_name="other.jpg"),
            "images missing in",
        ),
        (
            "lvis",
            "lvis_v1_train",
            lambda c: c["categories"][1].pop("frequency"),
            "category 'class 2' has frequency None, not r, c or f",
        ),
        (
            "lvis",
            "lvis_v1_train",
            lambda c: c["images"][0].pop("neg_category_ids"),
            "image 1 has no 'neg_category_ids'; give LVIS v1's annotations",
        ),
        (
            "lvis",
            "lvis_v1_val",
            lambda c: c["images"][0].pop("coco_url"),
            "image 5 has no 'coco_url' of images.cocodataset.org/ and no 'file_name'",
        ),
    ],
)
def test_a_difference_from_the_published_data_gives_one_line(
    root, tmp_path, kind, file, change, message
):
    edit(root, file, change)
    with pytest.raises(InputError) as caught:
        prepare("d", planned(root, kind), tmp_path / "out")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out/dataset.json").exists()


@pytest.mark.parametrize("kind", list(coco.COUNTS))
def test_missing_files_stop_the_plan(root, kind):
    planned(root, kind)
    for path in (root / "annotations").glob("*val*.json"):
        path.unlink()
    with pytest.raises(InputError, match=r"datasets\.d\.root: no such file: .*data_root=FOLDER"):
        planned(root, kind)


def test_the_published_counts():
    assert coco.COUNTS["coco"]["val"] == Published(5000, 36781)
    assert coco.COUNTS["coco-minitrain"]["train"].images == 25000
