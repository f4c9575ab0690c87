"""Any COCO-format data: each kind of bad input gives one line, and what is safe is repaired."""

import copy
import errno
import json
from pathlib import Path

import pytest
from PIL import Image
from shared_data import require_shared

from rankdet.datasets import checks, files, prepare
from rankdet.errors import InputError


@pytest.fixture
def good(tmp_path):
    """Three images, two classes, one crowd; returns (folder of images, annotations)."""
    folder = tmp_path / "images"
    folder.mkdir()
    images = []
    for k, size in enumerate(((40, 30), (50, 20), (16, 16)), 1):
        Image.new("RGB", size, (k, 9, 9)).save(folder / f"{k}.png")
        images.append({"id": k, "file_name": f"{k}.png", "width": size[0], "height": size[1]})
    boxes = [(1, 1, [2, 3, 10, 12]), (1, 2, [5, 5, 20, 20]), (2, 1, [0, 0, 50, 20])]
    annotations = [
        {"id": k, "image_id": i, "category_id": c, "bbox": b, "area": b[2] * b[3], "iscrowd": 0}
        for k, (i, c, b) in enumerate(boxes, 1)
    ]
    annotations[1]["iscrowd"] = 1
    annotations.append({**annotations[0], "id": 9, "category_id": 2})
    categories = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
    return folder, {"images": images, "annotations": annotations, "categories": categories}


def write(folder, data):
    path = folder.parent / "annotations.json"
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    return path


def findings(good, change=None):
    """Checks the good data after a change; returns (errors, warnings, cleaned data)."""
    folder, data = good
    data = copy.deepcopy(data)
    if change:
        change(data)
    checked = checks.check(folder, write(folder, data))
    return checked.findings.errors, checked.findings.warnings, checked.data


def config(folder, path, **more):
    split = {"images": str(folder), "annotations": str(path)}
    return {"kind": "coco-folder", "train": split, **more}


def test_good_data_passes_unchanged(good):
    errors, warnings, data = findings(good)
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
    assert json.loads(path.read_text()) == data  # the user's own file is left alone


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
    original = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda self: read.append(self) or original(self))
    split = {"images": str(folder), "annotations": str(path)}
    prepare("pets", config(folder, path, val=split), tmp_path / "out")
    assert sorted(p.name for p in read if p.suffix == ".png") == ["1.png", "2.png", "3.png"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('{"images": [],\n "annotations": [}', "at line 2, column 18 (byte 32 of 33)"),
        ('{"é": 1,}', "column 9 (byte 9 of 10)"),
        ("", "is empty"),
        (b"\xff\xfe{}", "byte 0 is no UTF-8"),
        (b"\x1f\x8b\x08\x00", "gzip-compressed: unpack it first"),
        ("[]", "holds a list"),
        ("3", "holds 3, not an object"),
        ("{}", "lacks 'images', 'annotations', 'categories' (found: nothing)"),
        ('{"images": [], "annotation": [], "categories": []}', "lacks 'annotations' (found: "),
        ('{"images": [], "annotations": {}, "categories": []}', "'annotations' is {}; COCO has a"),
        ('{"images": [7], "annotations": [], "categories": []}', "entry 0 of 'images' is 7"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_files_that_are_no_annotations(good, tmp_path, content, told):
    path = tmp_path / "a.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError) as caught:
        prepare("pets", config(good[0], path), tmp_path / "out")
    message = str(caught.value)
    assert told in message and str(path) in message and "\n" not in message
    assert not (tmp_path / "out").exists()


def test_files_and_folders_that_are_not_there(good, tmp_path):
    folder, data = good
    path = write(folder, data)
    for images, annotations, told in (
        (folder, tmp_path / "other.json", "annotations not found: .*has annotations.json"),
        (folder, tmp_path / "no/other.json", "there is no folder"),
        (folder, folder, "is a folder; give the annotation file"),
        (tmp_path / "no", path, "folder of images .* is not there"),
        (path, path, "folder of images .* is a file"),
    ):
        with pytest.raises(InputError, match=told):
            prepare("pets", config(images, annotations), tmp_path / "out")


def set_in(key, index, **values):
    return lambda data: data[key][index].update(values)


def drop_from(key, index, name):
    return lambda data: data[key][index].pop(name)


ERRORS = [
    (set_in("images", 0, id=2), "images with an id used before: 1 (2)"),
    (set_in("images", 0, id="1"), "images without a whole number as id: 1 (entry 0: '1')"),
    (set_in("images", 0, file_name=None), "images without a file_name: 1 (id 1)"),
    (set_in("images", 0, file_name="gone.png"), "images missing in "),
    (
        set_in("images", 0, width=41),
        "another size than annotated: 1 (1.png: 41 x 30, file 40 x 30)",
    ),
    (set_in("annotations", 0, id=2), "annotations with an id used before: 1 (2)"),
    (set_in("annotations", 0, image_id=7), "not in 'images': 1 (annotation 1 of image 7)"),
    (set_in("annotations", 0, image_id=[1]), "annotations of an image that is not in 'images'"),
    (set_in("annotations", 0, category_id=5), "not in 'categories': 1 (annotation 1: category 5)"),
    (drop_from("annotations", 0, "bbox"), "annotations without a box of four numbers: 1"),
    (set_in("annotations", 0, bbox=[1, 2, 3]), "annotations without a box of four numbers: 1"),
    (set_in("annotations", 0, bbox=[1, 2, 3, "4"]), "without a box of four numbers: 1"),
    (set_in("categories", 1, id=1), "categories with an id used before: 1 (1)"),
    (set_in("categories", 1, name="cat"), "category names used twice: 1 ('cat')"),
    (drop_from("categories", 1, "name"), "categories without a name: 1 (id 2)"),
    (lambda data: data["annotations"].clear(), "no object to find: 1 (0 given, 0 usable"),
    (lambda data: data.update(annotations=data["annotations"][1:2]), "none but crowds"),
    (lambda data: data.update(images=[], annotations=[]), "no images: 1"),
    (lambda data: data.update(categories=[], annotations=[]), "no categories: 1"),
]


@pytest.mark.parametrize(("change", "told"), ERRORS)
def test_errors_stop(good, tmp_path, change, told):
    errors, _, _ = findings(good, change)
    assert told in errors[0] and "\n" not in errors[0]  # what follows from it may come after
    folder = good[0]
    with pytest.raises(InputError) as caught:
        prepare("pets", config(folder, folder.parent / "annotations.json"), tmp_path / "out")
    assert errors[0] in str(caught.value) and "dataset 'pets', train" in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_many_errors_of_several_kinds(good, tmp_path):
    folder, data = good
    for k in range(5):
        data["annotations"].append({**data["annotations"][0], "id": 20 + k, "image_id": 70 + k})
    data["images"][0]["file_name"] = "a\nb.png"
    errors, _, _ = findings((folder, data))
    assert len(errors) == 2
    assert "(a b.png)" in errors[0]
    three = "annotation 20 of image 70, annotation 21 of image 71, annotation 22 of image 72, ..."
    assert f"'images': 5 ({three}); remove them" in errors[1]
    with pytest.raises(InputError, match="1 more kinds of error: see `rankdet data check") as told:
        prepare("pets", config(folder, folder.parent / "annotations.json"), tmp_path / "out")
    assert "\n" not in str(told.value)


def test_unreadable_images(good):
    folder, _ = good
    (folder / "1.png").write_bytes(b"")
    (folder / "2.png").write_text("not an image")
    whole = (folder / "3.png").read_bytes()
    (folder / "3.png").write_bytes(whole[: len(whole) // 2])
    errors, _, _ = findings(good)
    assert len(errors) == 1
    assert "unreadable images: 3 (1.png: empty file, 2.png: no image, 3.png: " in errors[0]


def test_jpegs_turned_by_exif(good):
    """The annotated size is the one seen after EXIF's rotation, as data loaders apply it."""
    folder, data = good
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (30, 40)).save(folder / "1.jpg", exif=exif)
    data["images"][0]["file_name"] = "1.jpg"
    assert findings(good)[:2] == ([], [])
    data["images"][0].update(width=30, height=40)
    errors, warnings, _ = findings(good)
    assert errors == []
    assert (
        "images that EXIF turns against their annotations: 1 (1.jpg: 30 x 40, file 40 x 30)"
        in (warnings[0])
    )


def test_repairs_are_made_and_told(good):
    def change(data):
        box = data["annotations"][0]
        extra = [
            ([-4, 5, 10, 10], "clipped"),
            ([35, 25, 10, 10], "clipped"),
            ([100, 100, 5, 5], "outside"),
            ([5, 5, 0, 4], "flat"),
            ([5, 5, 4, -1], "flat"),
            ([float("nan"), 5, 4, 4], "infinite"),
            ([5, 5, float("inf"), 4], "infinite"),
            ([30.0, 5, 10.05, 4], "rounded"),
        ]
        for k, (bbox, _) in enumerate(extra):
            data["annotations"].append({**box, "id": 30 + k, "bbox": bbox, "area": 100})
        data["annotations"][0].update(id=0)
        data["annotations"][2].pop("area")
        data["annotations"][3].update(area=0)
        data["annotations"][4].pop("iscrowd")
        data["images"][2].pop("width")
        data["images"][2].pop("height")
        data["categories"].append({"id": 7, "name": "owl"})

    errors, warnings, data = findings(good, change)
    assert errors == []
    told = {line.split(":")[0]: line for line in warnings}
    assert len(told) == len(warnings) == 10
    for what, count, done in (
        ("boxes that reach outside their image", 2, "clipped"),
        ("boxes wholly outside their image", 1, "dropped"),
        ("boxes without width or height", 2, "dropped"),
        ("boxes that are not finite", 2, "dropped"),
        ("annotations with id 0", 1, "renumbered to 38"),
        ("annotations without an area", 1, "the box's area taken"),
        ("annotations without a positive area", 1, "dropped"),
        ("annotations whose iscrowd is neither 0 nor 1", 1, "taken as 0"),
        ("images without width and height", 1, "taken from the files"),
        ("categories without any annotation", 1, "kept"),
    ):
        assert told[what].startswith(f"{what}: {count} (") and done in told[what], told[what]
    kept = {a["id"]: a for a in data["annotations"]}
    assert sorted(kept) == [2, 3, 30, 31, 37, 38]
    assert kept[30]["bbox"] == [0, 5, 6, 10] and kept[30]["area"] == 60
    assert kept[31]["bbox"] == [35, 25, 5, 5] and kept[31]["iscrowd"] == 0
    assert kept[37]["bbox"] == [30.0, 5, 10.05, 4]  # COCO's own rounding is no fault
    assert kept[3]["area"] == 1000
    assert (data["images"][2]["width"], data["images"][2]["height"]) == (16, 16)


def test_a_mask_area_survives_clipping(good):
    change = set_in("annotations", 0, bbox=[-4, 5, 10, 10], area=37.5)
    assert findings(good, change)[2]["annotations"][0]["area"] == 37.5


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
    assert manifest["warnings"] == ["val: categories of train that are not listed: 1; added"]
    cleaned = json.loads((tmp_path / "out/data/val.json").read_text())
    assert cleaned["categories"] == data["categories"]
    with pytest.raises(InputError, match=r"val: categories differ.*2 'owl'\) are not in train"):
        run([{"id": 1, "name": "cat"}, {"id": 2, "name": "owl"}], cats)
    with pytest.raises(InputError, match=r"1 'dog', 2 'cat'\) are under another id in train"):
        run([{"id": 2, "name": "cat"}, {"id": 1, "name": "dog"}], cats)
    assert (tmp_path / "out/dataset.json").exists()  # of the run that succeeded


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda c: c.update(titel="x"), "'titel' is no split .* did you mean 'title'?"),
        (
            lambda c: c["train"].update(image="x"),
            "train: unknown key 'image'; did you mean 'images'",
        ),
        (lambda c: c["train"].pop("images"), "train: give 'images'"),
        (lambda c: c["train"].update(images=3), "train: images is 3; give a text"),
        (lambda c: c.update(val=c.pop("train")), r"give the split 'train' \(found: val\)"),
        (lambda c: c.pop("train"), "found no split"),
        (lambda c: c.update({"../x": c["train"]}), "name split '../x' with letters"),
    ],
)
def test_wrong_config_is_one_line(good, tmp_path, change, told):
    folder, data = good
    given = config(folder, write(folder, data))
    change(given)
    with pytest.raises(InputError, match=told) as caught:
        prepare("pets", given, tmp_path / "out")
    assert str(caught.value).startswith("dataset 'pets'") and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["train.json", "dataset.json"])
def test_a_full_disk_leaves_the_finished_dataset_alone(good, tmp_path, monkeypatch, name):
    folder, data = good
    path = write(folder, data)
    out = tmp_path / "out"
    prepare("pets", config(folder, path), out)
    before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}
    original = Path.write_bytes

    def full(self, content):
        if name in self.name:
            original(self, content[: len(content) // 2])
            raise OSError(errno.ENOSPC, "No space left on device", str(self))
        return original(self, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    data["annotations"].pop()
    path.write_text(json.dumps(data))
    with pytest.raises(
        InputError, match=f"no space left while writing .*{name}: free some"
    ) as told:
        prepare("pets", config(folder, path), out)
    assert "\n" not in str(told.value)
    assert {p: p.read_bytes() for p in out.rglob("*") if p.is_file()} == before
    assert sorted(p.name for p in out.iterdir()) == ["data", "dataset.json"]


def test_a_foreign_data_folder_is_not_replaced(good, tmp_path):
    folder, data = good
    path = write(folder, data)
    (tmp_path / "out/data").mkdir(parents=True)
    (tmp_path / "out/data/thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match="was not written by rankdet"):
        prepare("pets", config(folder, path), tmp_path / "out")
    assert (tmp_path / "out/data/thesis.tex").read_text() == "years of work"


def test_leftovers_of_a_killed_run_are_swept_away(good, tmp_path):
    folder, data = good
    left = tmp_path / "out/.data.part"
    left.mkdir(parents=True)
    (left / "train.json").write_text("half")
    prepare("pets", config(folder, write(folder, data)), tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["data", "dataset.json"]


def test_a_folder_that_cannot_be_written(good, tmp_path):
    folder, data = good
    (tmp_path / "out").write_text("a file")
    with pytest.raises(InputError, match=r"cannot write .*out") as told:
        prepare("pets", config(folder, write(folder, data)), tmp_path / "out")
    assert "\n" not in str(told.value)


def test_not_a_number_is_told_before_it_is_written(tmp_path):
    with pytest.raises(InputError, match=r"x\.json: a number in it is NaN"):
        files.write_json(tmp_path / "x.json", {"segmentation": [[float("nan")]]})
    assert not list(tmp_path.iterdir())


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
