"""Annotations and detections that changed after a run are named by the report, in one line."""

import json
from pathlib import Path
from typing import Any

import pytest

from rankdet.errors import InputError
from rankdet.report.sample_files import detected_boxes, load_split

BOX = [10, 20.04, 5, 7]
TRUTH = {
    "images": [{"id": 3, "file_name": "a.png"}, {"id": 4, "file_name": "b.png"}],
    "annotations": [{"id": 1, "image_id": 3, "category_id": 2, "bbox": BOX}],
    "categories": [{"id": 2, "name": "cat"}],
}
NO_BOXES = [
    "x",
    None,
    4,
    [1, 2, 3],
    [*BOX, 1],
    [0, 0, "1", 1],
    [0, 0, float("nan"), 1],
    {},
    [True] * 4,
]


def written(folder: Path, content: Any) -> Path:
    path = folder / "val.json"
    path.write_text(json.dumps(content))
    return path


def with_values(part: str, values: dict[str, Any]) -> dict[str, Any]:
    """The ground truth in which every entry of a part has other values."""
    return {**TRUTH, part: [{**entry, **values} for entry in TRUTH[part]]}


def test_boxes_are_read_as_tenths_of_a_pixel(tmp_path) -> None:
    split = load_split(written(tmp_path, TRUTH), tmp_path)
    assert [image["id"] for image in split.images] == [3]  # image 4 has no objects
    assert [one["bbox"] for one in split.annotations[3]] == [(10.0, 20.0, 5.0, 7.0)]
    assert split.names == {2: "cat"}
    found = detected_boxes(written(tmp_path, [{}, {"bbox": BOX}]), [1])
    assert found == {1: (10.0, 20.0, 5.0, 7.0)}


@pytest.mark.fault("damaged boxes, ids and names in the detections and annotations of a report")
@pytest.mark.parametrize("box", NO_BOXES)
def test_what_is_no_box_is_named(tmp_path, box) -> None:
    with pytest.raises(
        InputError, match=r"^val.json: detections cannot be read: .*bbox is "
    ) as one:
        detected_boxes(written(tmp_path, [{"bbox": BOX}, {"bbox": box}]), [0, 1])
    truth = written(tmp_path, with_values("annotations", {"bbox": box}))
    with pytest.raises(InputError, match=r"^val.json: annotations cannot .*bbox is ") as two:
        load_split(truth, tmp_path)
    assert "\n" not in f"{one.value}{two.value}"


def test_a_file_that_is_not_there_is_said_in_words(tmp_path) -> None:
    with pytest.raises(InputError) as error:
        detected_boxes(tmp_path / "detections.json", [0])
    said = "detections.json: detections cannot be read: No such file or directory"
    assert str(error.value) == said
    with pytest.raises(InputError, match=r"^val.json: annotations .*: 'images' is missing$"):
        load_split(written(tmp_path, {"annotations": [], "categories": []}), tmp_path)


@pytest.mark.fault("damaged boxes, ids and names in the detections and annotations of a report")
@pytest.mark.parametrize(
    ("part", "values"),
    [
        ("images", {"file_name": 3}),
        ("images", {"id": "3"}),
        ("annotations", {"id": None}),
        ("annotations", {"image_id": [3]}),
        ("annotations", {"category_id": {}}),
        ("categories", {"id": 1.5}),
    ],
)
def test_ids_and_names_of_another_kind_are_named(tmp_path, part, values) -> None:
    path = written(tmp_path, with_values(part, values))
    with pytest.raises(InputError, match=rf"^val.json: annotations cannot .*{min(values)} is "):
        load_split(path, tmp_path)


@pytest.mark.parametrize("content", [[], {}, None, [[]] * 3, {**TRUTH, "annotations": {"a": 1}}])
def test_files_of_another_form_are_named(tmp_path, content) -> None:
    with pytest.raises(InputError, match=r"^val.json: annotations cannot be read"):
        load_split(written(tmp_path, content), tmp_path)
    with pytest.raises(InputError, match=r"^val.json: detections cannot be read"):
        detected_boxes(written(tmp_path, content), [0])
