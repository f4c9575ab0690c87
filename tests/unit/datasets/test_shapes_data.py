"""The built-in shapes: the same bytes everywhere, valid COCO, every sparsity bin filled."""

import contextlib
import io
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from rankdet.datasets import prepare
from rankdet.datasets.shapes import annotate, contours, long_tail, png, scene
from rankdet.datasets.shapes.bits import Bits, even_units
from rankdet.datasets.shapes.config import ShapesConfig
from rankdet.datasets.shapes.outlines import FULL, SHAPES, coverage
from rankdet.datasets.summary import summarise
from rankdet.errors import InputError

# These bytes are promised to be the same on every machine; a change of the generator changes them.
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


def test_more_images_leave_the_first_as_they_are(tmp_path):
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


def test_manifest_says_what_is_on_disk(default):
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


def test_null_means_the_default():
    nulls = {"object_size": None, "density": None, "title": None}
    assert ShapesConfig.read("a", {"kind": "shapes", **nulls}) == ShapesConfig.read("a", {})


def test_without_masks(tmp_path):
    prepare("a", {"kind": "shapes", "masks": False, "train_images": 2, "val_images": 1}, tmp_path)
    data = json.loads((tmp_path / "data/train.json").read_text())
    assert data["annotations"]
    assert not any("segmentation" in a for a in data["annotations"])


def test_a_shape_is_told_by_its_outline():
    """Areas are those of geometry, so outlines are neither swapped nor scaled wrongly."""
    share = {}
    for name, shape in SHAPES.items():
        cover = coverage(shape, 64, 1.0, Bits(0))
        share[name] = cover.sum() / FULL / 64**2
    assert share["circle"] == pytest.approx(np.pi / 4, abs=0.01)
    assert share["square"] == pytest.approx(1, abs=0.01)
    assert share["triangle"] == pytest.approx(0.45, abs=0.01)
    assert share["diamond"] == pytest.approx(0.3, abs=0.01)
    assert share["ring"] == pytest.approx(np.pi / 4 * (1 - 0.55**2), abs=0.01)
    assert share["cross"] == pytest.approx((4 * 0.34 * 2 - 4 * 0.34**2) / 4, abs=0.01)
    assert share["pentagon"] == pytest.approx(5 / 2 * np.sin(2 * np.pi / 5) / 4, abs=0.01)


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(bool, st.tuples(st.integers(1, 14), st.integers(1, 14))))
def test_polygons_and_run_lengths_are_the_mask(mask):
    height, width = mask.shape
    runs = coco_mask.frPyObjects(contours.run_lengths(mask), height, width)
    assert (coco_mask.decode(runs) == mask).all()
    polygons = contours.polygons(mask)
    assert bool(polygons) == mask.any()
    if polygons:
        assert all(len(p) >= 8 and len(p) % 2 == 0 for p in polygons)
        merged = coco_mask.merge(coco_mask.frPyObjects(polygons, height, width))
        assert (coco_mask.decode(merged) == mask).all()


@settings(max_examples=20, deadline=None)
@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 200), st.integers(1, 200), st.just(3))))
def test_png_gives_the_pixels_back(pixels):
    with Image.open(io.BytesIO(png.encode(pixels))) as image:
        image.load()  # checks the checksums too
        assert (np.asarray(image) == pixels).all()


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**63 - 1),
    index=st.integers(0, 10**6),
    size=st.integers(32, 96),
    classes=st.integers(1, len(SHAPES)),
    limit=st.integers(1, 80),
)
def test_any_image_keeps_its_promises(seed, index, size, classes, limit):
    config = ShapesConfig.read(
        "a", {"seed": seed, "image_size": size, "classes": classes, "max_objects": limit}
    )
    drawn = scene.make(config, 0, index)
    assert drawn.pixels.shape == (size, size, 3)
    assert drawn.pixels.min() >= 0 and drawn.pixels.max() <= 255
    objects = [a for a in annotate(drawn) if not a["iscrowd"]]
    wanted = scene.objects_wanted(config, even_units(seed, 0, index)[0])
    assert len(objects) <= wanted <= limit
    assert len(objects) >= min(wanted, 1)
    for annotation in objects:
        x, y, width, height = annotation["bbox"]
        assert 0 <= x < x + width <= size and 0 <= y < y + height <= size
        assert 1 <= annotation["category_id"] <= classes
        assert 0 < annotation["area"] <= width * height


def test_objects_stay_mostly_visible(default):
    config = ShapesConfig.read("a", {})
    for index in range(20):
        drawn = scene.make(config, 0, index)
        for k, sprite in enumerate(drawn.sprites):
            assert (drawn.owner == k).sum() >= int(scene.SEEN * sprite.mask.sum())


def test_shares_are_kept_in_few_images():
    config = ShapesConfig.read(
        "a", {"empty_fraction": 0.1, "density": [[0.5, 4]], "max_objects": 9}
    )
    for seed in range(20):
        counts = [scene.objects_wanted(config, even_units(seed, 0, i)[0]) for i in range(50)]
        assert 4 <= counts.count(0) <= 6
        assert 20 <= sum(1 <= n <= 4 for n in counts) <= 25
        assert set(counts) == set(range(10))


def test_random_numbers_cover_their_range_evenly():
    bits = Bits(3, 1)
    drawn = [bits.integer(-2, 3) for _ in range(6000)]
    assert np.bincount(np.array(drawn) + 2).min() > 900
    noise = bits.noise((50, 40), 4)
    assert noise.shape == (50, 40) and set(np.unique(noise)) == set(range(-4, 5))
    units = [bits.unit() for _ in range(4000)]
    assert min(units) >= 0 and max(units) < 1 and abs(np.mean(units) - 0.5) < 0.02


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"image_sise": 64}, "unknown key 'image_sise'; did you mean 'image_size'?"),
        ({"image_size": "big"}, "image_size is 'big'; give a whole number from 32 to 1024"),
        ({"image_size": 16}, "image_size is 16; give a whole number from 32 to 1024"),
        ({"train_images": 0}, "train_images is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": True}, "seed is True"),
        ({"masks": "yes"}, "masks is 'yes'; give true or false"),
        ({"classes": 99}, "classes is 99; give a whole number from 1 to 10"),
        ({"title": 3}, "title is 3; give a text"),
        ({"crowd_fraction": 1.5}, "crowd_fraction is 1.5; give a number from 0 to 1"),
        ({"crowd_fraction": float("nan")}, "crowd_fraction is nan"),
        ({"object_size": 12}, "object_size is 12; give two numbers"),
        ({"object_size": [30, 20]}, "object_size[1] is 20; give a whole number from 30"),
        ({"object_size": [12, 200]}, "object_size goes up to 200 px, but image_size is 128"),
        ({"density": 4}, "density is 4; give pairs"),
        ({"density": [[0.5, 4], [0.4, 8]]}, "give pairs that rise"),
    ],
)
def test_wrong_config_is_one_line(tmp_path, config, told):
    with pytest.raises(InputError) as caught:
        prepare("mine", {"kind": "shapes", **config}, tmp_path / "out")
    message = str(caught.value)
    assert message.startswith("dataset 'mine'") and told in message and "\n" not in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"kind": "shape"}, "unknown kind 'shape'; did you mean 'shapes'?"),
        ({}, "no kind; one of: shapes, coco-folder, coco, coco-minitrain, lvis"),
        ([], "its config must be a mapping"),
    ],
)
def test_wrong_kind_is_one_line(tmp_path, config, told):
    with pytest.raises(InputError, match="dataset 'mine'") as caught:
        prepare("mine", config, tmp_path)
    assert told in str(caught.value)


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
    for name, found in images.items():  # by hand, from the training images alone
        share = len(found) / len(train["images"])
        assert frequency[name] == ("r" if share <= 0.1 else "c" if share <= 0.3 else "f")
    assert objects["circle"] > 10 * min(objects.values()) > 0
    assert long_tailed["val"]["categories"] == train["categories"]
    assert all(one["iscrowd"] == 0 for data in long_tailed.values() for one in data["annotations"])


@pytest.mark.parametrize("split", SPLITS)
def test_federated_lists_say_what_an_image_is_annotated_for(long_tailed, split, default):
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
    from analysis.evaluate import evaluate_files

    truth = long_tailed["val"]
    found = [
        {key: one[key] for key in ("image_id", "category_id", "bbox")} | {"score": 0.9}
        for one in truth["annotations"]
    ]
    for name, value in (("gt", truth), ("dt", found)):
        (tmp_path / f"{name}.json").write_text(json.dumps(value))
    metrics = evaluate_files(tmp_path / "gt.json", tmp_path / "dt.json")
    told = json.dumps(metrics)
    assert '"AP": 1.0' in told
    for name in ("AP_rare", "AP_common", "AP_frequent"):
        assert f'"{name}": 1.0' in told
