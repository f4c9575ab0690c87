"""Large files of results are read in blocks; the fast and the plain reader agree."""

import json

import numpy as np
import pytest

from rankdet.errors import InputError
from rankdet.evaluation.coco.json_columns import read_columns
from rankdet.evaluation.coco.json_rows import form_of, rows
from rankdet.evaluation.coco.json_stream import check_end, read_json_list
from tests.evaluation.bad_input import RESULTS, fails


def test_a_large_file_that_is_cut_off_is_found_before_parsing(tmp_path):
    path = tmp_path / "dt.json"
    path.write_bytes(json.dumps(RESULTS).encode()[:-3])
    check_end(path)  # small files are left to the parser
    with pytest.raises(InputError, match=r"dt.json: does not end with '\]' after \d+ bytes"):
        check_end(path, size=10)
    path.write_text(json.dumps(RESULTS) + " \n")
    check_end(path, size=10)
    path.write_text('{"an": "object"}')
    check_end(path, size=10)


def test_blocks_give_the_whole_list(tmp_path):
    entries = [{"image_id": i, "note": "}, {", "inner": {"a": [1]}} for i in range(200)]
    for text in (json.dumps(entries), json.dumps(entries, indent=2), " \n" + json.dumps(entries)):
        path = tmp_path / "list.json"
        path.write_text(text)
        for block in (7, 100, 1000, 10**6):
            blocks = list(read_json_list(path, block))
            assert [e for b in blocks for e in b] == entries
        assert len(list(read_json_list(path, 1000))) > 5


VARIANTS = {
    "as written": json.dumps(RESULTS),
    "indented": json.dumps(RESULTS, indent=2),
    "no spaces": json.dumps(RESULTS, separators=(",", ":")),
    "around": f" \n{json.dumps(RESULTS)}\n ",
    "with masks": json.dumps([{**r, "segmentation": {"size": [1, 2], "a": [{}]}} for r in RESULTS]),
    "whole scores": json.dumps([{**r, "score": i} for i, r in enumerate(RESULTS)]),
    "empty": "[]",
    "empty, spaced": " [ \n ] ",
}


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("block", [16, 150, 10**6])
def test_fast_and_plain_reading_are_the_same(tmp_path, name, block):
    path = tmp_path / "dt.json"
    path.write_text(VARIANTS[name])
    fast = read_columns(path, block)
    entries = json.loads(VARIANTS[name])
    if fast is None:
        assert name == "with masks"
        return
    assert fast.image_id.tolist() == [e["image_id"] for e in entries]
    assert fast.category_id.tolist() == [e["category_id"] for e in entries]
    assert fast.score.tolist() == [e["score"] for e in entries]
    assert fast.boxes.tolist() == [e["bbox"] for e in entries]
    assert fast.boxes.shape == (len(entries), 4)


DOUBTFUL = {
    "no comma": "[{0} {1}]",
    "comma at the end": "[{0}, {1},]",
    "two commas": "[{0},, {1}]",
    "cut off": "[{0}, {1}",
    "cut off after a list": '[{0}, {{"bbox": [1, 2]',
    "text after": "[{0}] x",
    "not a list": "{0}",
    "null": '[{0}, {{"image_id": null, "category_id": 1, "score": 1, "bbox": [1, 2, 3, 4]}}]',
    "null in box": '[{{"image_id": 1, "category_id": 1, "score": 1, "bbox": [1, null, 3, 4]}}]',
    "long box": '[{{"image_id": 1, "category_id": 1, "score": 1, "bbox": [1, 2, 3, 4, 5]}}]',
    "null first": "[null, {0}]",
    "null first, spaced": "[ \n null, {0}]",
    "null last": "[{0}, null]",
    "null between": "[{0}, null, {1}]",
    "null alone": "[null]",
    "list in list": "[{0}, [{1}]]",
}


@pytest.mark.parametrize("name", DOUBTFUL)
@pytest.mark.parametrize("block", [16, 10**6])
def test_fast_reading_rejects_unusual_files(tmp_path, capsys, name, block):
    text = DOUBTFUL[name].format(*map(json.dumps, RESULTS))
    path = tmp_path / "dt.json"
    path.write_text(text)
    assert read_columns(path, block) is None
    fails(tmp_path, capsys, "dt.json", results=text.encode())


ORDERS = [
    ("image_id", "category_id", "bbox", "score"),
    ("category_id", "score", "image_id", "bbox"),
    ("bbox", "image_id", "score", "category_id"),
]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("separators", [(", ", ": "), (",", ":"), (" , ", " : ")])
def test_a_file_of_one_form_is_read_as_a_table(order, separators):
    rng = np.random.default_rng(0)
    numbers = [0.1, 1e-7, 123456789.25, -3.5, 2e300, 5e-324, 1 / 3]
    entries = [
        {
            "image_id": int(rng.integers(-9, 2**60)),
            "category_id": i,
            "bbox": rng.choice(numbers, 4).tolist(),
            "score": float(rng.random()),
        }
        for i in range(50)
    ]
    entries = [{name: e[name] for name in order} for e in entries]
    text = json.dumps(entries, separators=separators)[1:-1].encode()
    form = form_of(text)
    found = rows(text, form)
    for i, entry in enumerate(entries):
        assert found["image_id"][i] == entry["image_id"] and found["score"][i] == entry["score"]
        assert found["category_id"][i] == entry["category_id"]
        assert [found[f"bbox{b}"][i] for b in range(4)] == entry["bbox"]


@pytest.mark.parametrize(
    "other",
    [
        {"image_id": 1, "score": 1, "category_id": 3, "bbox": [1, 2, 3, 4]},  # also whole numbers
        {"image_id": 1, "category_id": 3, "score": 1},
        {"image_id": 1, "category_id": 3, "score": 1, "bbox": [1, 2, 3]},
        {"image_id": 1, "category_id": 3, "score": 1, "bbox": [1, 2, 3, 4, 5]},
        {"image_id": 1, "category_id": 3, "score": 1, "bbox": [1, 2, 3, 4], "id": 2},
        {"image_id": 1, "category_id": "3", "score": 1, "bbox": [1, 2, 3, 4]},
        {"image_id": 1.5, "category_id": 3, "score": 1, "bbox": [1, 2, 3, 4]},
        {"image_id": 1, "category_id": 3, "score": True, "bbox": [1, 2, 3, 4]},
    ],
)
def test_a_detection_of_another_form_is_not_read_as_a_table(other):
    usual = {"image_id": 1, "category_id": 3, "score": 1, "bbox": [1, 2, 3, 4]}
    for entries in ([usual, usual, other], [usual, usual, other, usual]):
        text = json.dumps(entries)[1:-1].encode()
        assert rows(text, form_of(text)) is None


def test_the_bytes_that_stand_for_names_are_not_taken_from_the_file():
    one = b'{"image_id": 1, "category_id": 3, "score": 1, "bbox": [1, 2, 3, 4]}'
    text = one + b", " + one.replace(b', "category_id": ', b"\x01")
    assert rows(text, form_of(text)) is None


def test_a_first_detection_without_the_usual_fields_has_no_form():
    for one in (b'{"image_id": 1}', b'{"image_id": [1]}', b"{}", b'{"score": 1, "score": 2}'):
        assert form_of(one + b", " + one) is None
    assert form_of(b"") is None
