"""The built-in shapes: the same bytes everywhere, valid COCO, every sparsity bin filled."""

import contextlib
import io
import json

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from rankdet.datasets import prepare
from rankdet.datasets.summary import summarise

# These bytes are the same on every machine; only a change of the generator changes them.
PINNED = "sha256:f50c5da2025c904e43378f16cd9b92485d8b47bc0df17e1b99d766c3834c27e6"


@pytest.fixture(scope="module")
def default(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shapes")
    return folder, prepare("shapes", {"kind": "shapes"}, folder)


def load(path):
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(path)


def test_same_seed_same_bytes_pinned(tmp_path):
    config = {"kind": "shapes", "train_images": 6, "val_images": 3, "classes": 10}
    config |= {"crowd_fraction": 0.5, "empty_fraction": 0.2}
    first = prepare("a", config, tmp_path / "a")
    again = prepare("a", config, tmp_path / "b")
    other = prepare("a", {**config, "seed": 2}, tmp_path / "c")
    assert first["checksum"] == again["checksum"] == PINNED
    assert other["checksum"] != PINNED
    for file in ("train/000003.png", "train.json", "val.json"):
        assert (tmp_path / "a/data" / file).read_bytes() == (
            tmp_path / "b/data" / file
        ).read_bytes()


def test_more_images_do_not_change_the_first_ones(tmp_path):
    few = {"kind": "shapes", "train_images": 3, "val_images": 2}
    prepare("a", few, tmp_path / "few")
    prepare("a", {**few, "train_images": 5, "val_images": 4}, tmp_path / "many")
    for split, count in (("train", 3), ("val", 2)):
        for k in range(1, count + 1):
            name = f"data/{split}/{k:06d}.png"
            assert (tmp_path / "few" / name).read_bytes() == (tmp_path / "many" / name).read_bytes()
        a, b = (
            json.loads((tmp_path / f / f"data/{split}.json").read_text()) for f in ("few", "many")
        )
        assert a["images"] == b["images"][:count]
        assert a["annotations"] == b["annotations"][: len(a["annotations"])]
    assert (tmp_path / "few/data/train/000001.png").read_bytes() != (
        tmp_path / "few/data/val/000001.png"
    ).read_bytes()


def test_the_manifest_agrees_with_the_disk(default):
    folder, manifest = default
    assert json.loads((folder / "dataset.json").read_text()) == manifest
    assert manifest["schema"] == "rankdet.dataset/1"
    assert (manifest["name"], manifest["kind"], manifest["warnings"]) == ("shapes", "shapes", [])
    assert manifest["classes"][0] == {"id": 1, "name": "circle"}
    assert list(manifest["splits"]) == ["train", "val"]
    assert len({manifest["checksum"], *(s["checksum"] for s in manifest["splits"].values())}) == 3
    for entry in manifest["splits"].values():
        coco = load(entry["annotations"])
        assert len(coco.imgs) == entry["n_images"]
        assert len(coco.anns) == entry["n_annotations"]
        assert sum(a["iscrowd"] for a in coco.anns.values()) == entry["n_crowd"] > 0


@pytest.mark.parametrize("split", ["train", "val"])
def test_fills_every_bin_size_and_class(default, split):
    data = json.loads((default[0] / f"data/{split}.json").read_text())
    counts = summarise(data)
    assert all(counts["bins"].values()), counts["bins"]
    assert all(n >= 5 for n in counts["sizes"].values()), counts["sizes"]
    assert all(n >= 20 for n in counts["classes"].values()), counts["classes"]
    assert counts["empty_images"] >= 1 and counts["crowds"] >= 3
    objects = counts["annotations"] - counts["crowds"]
    assert 5 <= objects / counts["images"] <= 9


@pytest.mark.parametrize("split", ["train", "val"])
def test_masks_agree_with_boxes_and_areas(default, split):
    coco = load(default[0] / f"data/{split}.json")
    seen = {}
    for annotation in coco.anns.values():
        mask = coco.annToMask(annotation).astype(bool)
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        left, top, width, height = annotation["bbox"]
        assert (left, left + width) == (columns[0], columns[-1] + 1)
        assert (top, top + height) == (rows[0], rows[-1] + 1)
        assert annotation["area"] == mask.sum()
        assert isinstance(annotation["segmentation"], dict if annotation["iscrowd"] else list)
        others = seen.setdefault(annotation["image_id"], np.zeros_like(mask))
        assert not (others & mask).any()  # only what is visible is annotated
        others |= mask
    image = coco.loadImgs(1)[0]
    with Image.open(default[0] / "data" / split / image["file_name"]) as opened:
        assert opened.mode == "RGB" and opened.size == (image["width"], image["height"])
        opened.load()


def test_without_masks(tmp_path):
    prepare("a", {"kind": "shapes", "masks": False, "train_images": 2, "val_images": 1}, tmp_path)
    data = json.loads((tmp_path / "data/train.json").read_text())
    assert data["annotations"]
    assert not any("segmentation" in a for a in data["annotations"])
