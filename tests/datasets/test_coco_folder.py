"""Any COCO-format data: its manifest, its checksum, and the categories that its splits share."""

import json
from pathlib import Path

import pytest
from PIL import Image

from rankdet.datasets import prepare
from rankdet.errors import InputError
from tests.datasets.pets import config, problems_of, write
from tests.shared_data import require_shared


def test_good_data_passes_unchanged(good):
    errors, warnings, data = problems_of(good)
    assert errors == warnings == []
    assert data == good[1]


def test_manifest_and_cleaned_copy(good, tmp_path, monkeypatch):
    folder, data = good
    path = write(folder, data)
    monkeypatch.chdir(tmp_path)
    split = {"images": "images", "annotations": "annotations.json"}
    given = {"kind": "coco-folder", "title": "Pets", "train": split, "test-easy": split}
    manifest = prepare("pets", given, Path("results/pets"))
    train = manifest["splits"]["train"]
    assert train["images"] == "images"
    assert train["annotations"] == "results/pets/data/train.json"
    assert [train[k] for k in ("n_images", "n_annotations", "n_crowd")] == [3, 4, 1]
    assert manifest["classes"] == [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
    assert list(manifest["splits"]) == ["train", "test-easy"]
    assert manifest["splits"]["test-easy"]["checksum"] == train["checksum"]
    assert json.loads(Path(train["annotations"]).read_text()) == data
    assert json.loads(Path("results/pets/dataset.json").read_text()) == manifest
    assert json.loads(path.read_text()) == data  # the user's file is not changed


def test_checksum_follows_images_and_annotations_but_not_titles(good, tmp_path):
    folder, data = good
    path = write(folder, data)

    def checksum(**more):
        return prepare("pets", config(folder, path, **more), tmp_path / "out")["checksum"]

    first = checksum()
    assert checksum(title="Other") == first
    Image.new("RGB", (16, 16), (99, 9, 9)).save(folder / "3.png")
    second = checksum()
    assert second != first
    data["annotations"][0]["bbox"][0] += 1
    path.write_text(json.dumps(data))
    assert checksum() not in (first, second)


def test_images_shared_by_splits_are_read_once(good, tmp_path, monkeypatch):
    folder, data = good
    path = write(folder, data)
    read = []
    original = Path.open
    monkeypatch.setattr(
        Path, "open", lambda self, *a, **k: read.append(self) or original(self, *a, **k)
    )
    split = {"images": str(folder), "annotations": str(path)}
    prepare("pets", config(folder, path, val=split), tmp_path / "out")
    assert sorted(p.name for p in read if p.suffix == ".png") == ["1.png", "2.png", "3.png"]


def test_splits_share_one_list_of_categories(good, tmp_path):
    folder, data = good
    path = write(folder, data)

    def run(categories, annotations):
        other = tmp_path / "val.json"
        val = {**data, "categories": categories, "annotations": annotations}
        other.write_text(json.dumps(val))
        split = {"images": str(folder), "annotations": str(other)}
        return prepare("pets", config(folder, path, val=split), tmp_path / "out")

    cats = [a for a in data["annotations"] if a["category_id"] == 1]
    manifest = run([{"id": 1, "name": "cat"}], cats)
    assert manifest["warnings"] == ["val: categories of train that are missing: 1; added"]
    cleaned = json.loads((tmp_path / "out/data/val.json").read_text())
    assert cleaned["categories"] == data["categories"]
    with pytest.raises(InputError, match=r"val: categories differ.*2 'owl'\) are not in train"):
        run([{"id": 1, "name": "cat"}, {"id": 2, "name": "owl"}], cats)
    with pytest.raises(InputError, match=r"1 'dog', 2 'cat'\) have another id in train"):
        run([{"id": 2, "name": "cat"}, {"id": 1, "name": "dog"}], cats)
    assert (tmp_path / "out/dataset.json").exists()  # from the run that succeeded


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(titel="x"), "'titel' is not a split .* did you mean 'title'?"),
        (
            lambda c: c["train"].update(image="x"),
            "train: image: unknown key; did you mean 'images'",
        ),
        (lambda c: c["train"].pop("images"), "train: images: missing"),
        (
            lambda c: c["train"].update(images=3),
            "train: images: found 3; it should be a valid string",
        ),
        (lambda c: c.update(val=c.pop("train")), r"split 'train' is missing \(found: val\)"),
        (lambda c: c.pop("train"), "split 'train' is missing .found: no splits"),
        (lambda c: c.update({"../x": c["train"]}), "split name '../x': use only letters"),
    ],
)
def test_wrong_config_is_one_line(good, tmp_path, change, message):
    folder, data = good
    given = config(folder, write(folder, data))
    change(given)
    with pytest.raises(InputError, match=message) as caught:
        prepare("pets", given, tmp_path / "out")
    assert str(caught.value).startswith("dataset 'pets'") and "\n" not in str(caught.value)


def test_real_coco_images(tmp_path):
    root = require_shared("data", "coco_permissive_mini")
    splits = {
        split: {
            "images": str(root / f"{split}2017"),
            "annotations": str(root / f"annotations/instances_{split}2017.json"),
        }
        for split in ("train", "val")
    }
    manifest = prepare("mini", {"kind": "coco-folder", **splits}, tmp_path)
    for split, counts in (("train", [53, 518, 5]), ("val", [61, 537, 8])):
        entry = manifest["splits"][split]
        assert [entry[k] for k in ("n_images", "n_annotations", "n_crowd")] == counts
        cleaned = json.loads((tmp_path / f"data/{split}.json").read_text())
        original = json.loads(Path(splits[split]["annotations"]).read_text())
        assert cleaned["annotations"] == original["annotations"]
        assert cleaned["categories"] == original["categories"]
    assert len(manifest["classes"]) == 80
    unused = [line.split(" (")[0] for line in manifest["warnings"]]
    assert unused == [
        "train: categories without any annotation: 23",
        "val: categories without any annotation: 20",
    ]


def without_annotations(folder, data):
    """Writes an image-info file next to the annotations, as COCO has for test-dev."""
    path = folder / "image_info.json"
    path.write_text(json.dumps({k: v for k, v in data.items() if k != "annotations"}))
    return {"images": str(folder), "annotations": str(path)}


def test_a_split_without_annotations_is_only_for_prediction(good, tmp_path):
    folder, data = good
    given = config(folder, write(folder, data))
    given["test-dev"] = without_annotations(folder, data)
    manifest = prepare("pets", given, tmp_path / "out")
    split = manifest["splits"]["test-dev"]
    assert split["annotated"] is False and "annotated" not in manifest["splits"]["train"]
    assert (split["n_images"], split["n_annotations"]) == (3, 0)
    cleaned = json.loads(Path(split["annotations"]).read_text())
    assert cleaned["annotations"] == [] and cleaned["images"] == data["images"]
    assert not any("test-dev" in line for line in manifest["warnings"])


def test_training_needs_annotations(good, tmp_path):
    folder, data = good
    given = {"kind": "coco-folder", "train": without_annotations(folder, data)}
    with pytest.raises(InputError, match="has no 'annotations'"):
        prepare("pets", given, tmp_path / "out")


def test_an_empty_list_of_annotations_is_still_an_error(good, tmp_path):
    folder, data = good
    given = config(folder, write(folder, data))
    path = folder / "empty.json"
    path.write_text(json.dumps({**data, "annotations": []}))
    given["val"] = {"images": str(folder), "annotations": str(path)}
    with pytest.raises(InputError, match="no objects: 1"):
        prepare("pets", given, tmp_path / "out")
