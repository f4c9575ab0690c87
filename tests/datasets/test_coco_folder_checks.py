"""Checks of user data: each kind of bad input gives one line; safe faults are repaired."""

import pytest
from PIL import Image

from rankdet.datasets import prepare
from rankdet.errors import InputError
from tests.datasets.pets import config, drop_from, problems_of, set_in, write


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('{"images": [],\n "annotations": [}', "at line 2, column 18 (byte 32 of 33)"),
        ('{"é": 1,}', "column 9 (byte 9 of 10)"),
        ("", "is empty"),
        (b"\xff\xfe{}", "byte 0 is not UTF-8"),
        (b"\x1f\x8b\x08\x00", "compressed with gzip: unpack it first"),
        ("[]", "is a list, not an object"),
        ("3", "is 3, not an object"),
        ("{}", "has no 'images', 'annotations', 'categories' (found: nothing)"),
        ('{"images": [], "annotation": [], "categories": []}', "has no 'annotations' (found: "),
        (
            '{"images": [], "annotations": {}, "categories": []}',
            "'annotations' is {}; it must be a list",
        ),
        (
            '{"images": [7], "annotations": [], "categories": []}',
            "entry 0 (from 0) of 'images'",
        ),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_files_without_annotations(good, tmp_path, content, expected):
    path = tmp_path / "a.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError) as caught:
        prepare("pets", config(good[0], path), tmp_path / "out")
    message = str(caught.value)
    assert expected in message and str(path) in message and "\n" not in message
    assert not (tmp_path / "out").exists()


def test_missing_files_and_folders(good, tmp_path):
    folder, data = good
    path = write(folder, data)
    for images, annotations, expected in (
        (folder, tmp_path / "other.json", "annotations not found: .*has annotations.json"),
        (folder, tmp_path / "no/other.json", "there is no folder"),
        (folder, folder, "is a folder; give the annotation file"),
        (tmp_path / "no", path, "folder of images .* does not exist"),
        (path, path, "folder of images .* is a file"),
    ):
        with pytest.raises(InputError, match=expected):
            prepare("pets", config(images, annotations), tmp_path / "out")


ERRORS = [
    (set_in("images", 0, id=2), "images with an id used before: 1 (2)"),
    (set_in("images", 0, id="1"), "images without a whole number as id: 1 (entry 0 (from 0): '1')"),
    (set_in("images", 0, file_name=None), "images without a file_name: 1 (id 1)"),
    (set_in("images", 0, file_name="gone.png"), "images missing in "),
    (
        set_in("images", 0, width=41),
        "another size than annotated: 1 (1.png: 41 x 30, file 40 x 30)",
    ),
    (set_in("annotations", 0, id=2), "annotations with an id used before: 1 (2)"),
    (set_in("annotations", 0, image_id=7), "not in 'images': 1 (annotation 1 of image 7)"),
    (
        set_in("annotations", 0, image_id="1"),
        "whose image_id is not a whole number: 1 (annotation 1: '1'); write the id as in the list",
    ),
    (set_in("annotations", 0, image_id=[1]), "annotations whose image_id is not a whole number"),
    (set_in("annotations", 0, category_id="2"), "whose category_id is not a whole number: 1"),
    (
        set_in("images", 0, width="40", height="30"),
        "width and height are not whole numbers: 1 (1.png: width '40', height '30'); write them",
    ),
    (set_in("images", 0, height=None), "1 (1.png: width 40, height None)"),
    (set_in("annotations", 0, category_id=5), "not in 'categories': 1 (annotation 1: category 5)"),
    (drop_from("annotations", 0, "bbox"), "annotations without a box of four numbers: 1"),
    (set_in("annotations", 0, bbox=[1, 2, 3]), "annotations without a box of four numbers: 1"),
    (set_in("annotations", 0, bbox=[1, 2, 3, "4"]), "without a box of four numbers: 1"),
    (set_in("categories", 1, id=1), "categories with an id used before: 1 (1)"),
    (set_in("categories", 1, name="cat"), "category names used twice: 1 ('cat')"),
    (drop_from("categories", 1, "name"), "categories without a name: 1 (id 2)"),
    (lambda data: data["annotations"].clear(), "no objects: 1 (0 given, 0 usable"),
    (
        lambda data: data.update(annotations=data["annotations"][1:2]),
        "1 usable, training leaves out all of them: crowds (1)); give a file with annotated boxes",
    ),
    (lambda data: data.update(images=[], annotations=[]), "no images: 1"),
    (lambda data: data.update(categories=[], annotations=[]), "no categories: 1"),
]


@pytest.mark.fault("annotations with a broken value, an unknown id or a missing file")
@pytest.mark.parametrize(("change", "expected"), ERRORS)
def test_errors_stop(good, tmp_path, change, expected):
    errors, _, _ = problems_of(good, change)
    # Later lines may be consequences of this error.
    assert expected in errors[0] and "\n" not in errors[0]
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
    errors, _, _ = problems_of((folder, data))
    assert len(errors) == 2
    assert "(a b.png)" in errors[0]
    three = "annotation 20 of image 70, annotation 21 of image 71, annotation 22 of image 72, ..."
    assert f"'images': 5 ({three}); remove them" in errors[1]
    command = "run `rankdet data check"
    with pytest.raises(InputError, match=f"1 more kinds of errors: {command}") as caught:
        prepare("pets", config(folder, folder.parent / "annotations.json"), tmp_path / "out")
    assert "\n" not in str(caught.value)


def test_unreadable_images(good):
    folder, _ = good
    (folder / "1.png").write_bytes(b"")
    (folder / "2.png").write_text("not an image")
    whole = (folder / "3.png").read_bytes()
    (folder / "3.png").write_bytes(whole[: len(whole) // 2])
    errors, _, _ = problems_of(good)
    assert len(errors) == 1
    assert "unreadable images: 3 (1.png: empty file, 2.png: not an image, 3.png: " in errors[0]


def test_jpegs_turned_by_exif(good):
    """The annotated size is that of the image after EXIF's rotation, as in data loaders."""
    folder, data = good
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (30, 40)).save(folder / "1.jpg", exif=exif)
    data["images"][0]["file_name"] = "1.jpg"
    assert problems_of(good)[:2] == ([], [])
    data["images"][0].update(width=30, height=40)
    errors, warnings, _ = problems_of(good)
    assert errors == []
    assert (
        "images that EXIF rotates, with annotations that are not rotated: "
        "1 (1.jpg: 30 x 40, file 40 x 30)" in warnings[0]
    )


def test_repairs_are_made_and_reported(good):
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
            ([5, 5, 10**400, 4], "infinite"),
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

    errors, warnings, data = problems_of(good, change)
    assert errors == []
    found = {line.split(":")[0]: line for line in warnings}
    assert len(found) == len(warnings) == 10
    for what, count, done in (
        ("boxes partly outside of their image", 2, "clipped"),
        ("boxes completely outside of their image", 1, "dropped"),
        ("boxes without width or height", 2, "dropped"),
        ("boxes that are not finite", 3, "dropped"),
        ("annotations with an id below 1", 1, "renumbered"),
        ("annotations without an area", 1, "set to the area of the box"),
        ("annotations without a positive area", 1, "set to the area of the box"),
        ("annotations without iscrowd", 1, "set to 0"),
        ("images without width and height", 1, "taken from the files"),
        ("categories without any annotation", 1, "kept"),
    ):
        assert found[what].startswith(f"{what}: {count} (") and done in found[what], found[what]
    kept = {a["id"]: a for a in data["annotations"]}
    assert sorted(kept) == [2, 3, 9, 30, 31, 37, 39]
    assert kept[30]["bbox"] == [0, 5, 6, 10] and kept[30]["area"] == 60
    assert kept[31]["bbox"] == [35, 25, 5, 5] and kept[31]["iscrowd"] == 0
    assert kept[37]["bbox"] == [30.0, 5, 10.05, 4]  # the rounding in COCO's files is accepted
    assert kept[3]["area"] == 1000
    assert (data["images"][2]["width"], data["images"][2]["height"]) == (16, 16)


def test_a_mask_area_survives_clipping(good):
    change = set_in("annotations", 0, bbox=[-4, 5, 10, 10], area=37.5)
    assert problems_of(good, change)[2]["annotations"][0]["area"] == 37.5
