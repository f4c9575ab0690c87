"""Bad files give one clear line and exit code 2, and no traceback."""

import gzip
import json

import pytest

from rankdet.cli import main
from rankdet.errors import InputError
from rankdet.evaluation.coco.json_stream import read_json, read_json_list
from rankdet.evaluation.evaluate import evaluate_files
from tests.evaluation.bad_input import RESULTS, TRUTH, changed, fails, write


def test_the_unchanged_files_are_valid(tmp_path, capsys):
    assert main(["evaluate", *write(tmp_path)]) == 0
    assert capsys.readouterr().err == ""


BAD_RESULTS = {
    "NaN score": ((0, "score"), float("nan"), ["dt.json", "'score'", "NaN"]),
    "infinite score": ((1, "score"), float("inf"), ["'score'", "entry 1"]),
    "huge score": ((1, "score"), -1e308, ["'score'", "beyond 1e100", "entry 1"]),
    "score a text": ((1, "score"), "0.9", ["'score'", "'0.9'", "entry 1"]),
    "score true": ((1, "score"), True, ["'score'", "True"]),
    "no score": ((1, "score"), ..., ["1 detection has no 'score'", "entry 1 (from 0)"]),
    "NaN box": ((0, "bbox", 2), float("nan"), ["'bbox'", "NaN"]),
    "infinite box": ((0, "bbox", 0), float("-inf"), ["'bbox'", "infinite"]),
    "negative size": ((1, "bbox", 3), -1, ["'bbox'", "negative size", "entry 1"]),
    "box too large": ((0, "bbox", 2), 1e200, ["'bbox'", "beyond 1e100", "entry 0"]),
    "sum too large": ((0, "bbox"), [1e308, 1, 1e308, 1e308], ["'bbox'", "beyond 1e100"]),
    "short box": ((1, "bbox"), [1, 2, 3], ["[1, 2, 3]", "[x, y, width, height]"]),
    "no box": ((0, "bbox"), ..., ["'bbox'", "None"]),
    "box of texts": ((0, "bbox"), ["1", 2, 3, 4], ["'bbox'", "numbers"]),
    "huge number": ((0, "bbox", 2), 10**400, ["'bbox'"]),
    "no image": ((0, "image_id"), ..., ["'image_id'"]),
    "image id a text": ((0, "image_id"), "1", ["'image_id'", "'1'", "whole"]),
    "image id a fraction": ((0, "image_id"), 1.5, ["'image_id'", "1.5", "whole"]),
    "image id null": ((0, "image_id"), None, ["'image_id'", "None"]),
    "image id huge": ((0, "image_id"), 2**70, ["'image_id'", "whole"]),
    "image id too large": ((0, "image_id"), 1e30, ["'image_id'", "whole"]),
    "entry no object": ((0,), [1, 2], ["a list", "objects"]),
}


@pytest.mark.fault("detections with a broken value")
@pytest.mark.parametrize("name", BAD_RESULTS)
def test_bad_detections(tmp_path, capsys, name):
    path, value, words = BAD_RESULTS[name]
    fails(tmp_path, capsys, *words, results=changed(RESULTS, path, value))


BAD_TRUTH = {
    "no images": (("images",), ..., ["gt.json", "'images'"]),
    "images no list": (("images",), {}, ["'images'"]),
    "image id twice": (("images", 1, "id"), 1, ["1 image id occurs more than once (1)"]),
    "category id twice": (("categories", 1, "id"), 1, ["1 category id occurs", "(1)"]),
    "annotation id twice": (("annotations", 1, "id"), 1, ["1 annotation id occurs", "(1)"]),
    "unknown image": (("annotations", 1, "image_id"), 77, ["image_id", "77"]),
    "unknown category": (("annotations", 1, "category_id"), 77, ["category_id", "77"]),
    "NaN box": (("annotations", 0, "bbox", 0), float("nan"), ["'bbox'", "NaN"]),
    "negative size": (("annotations", 0, "bbox", 2), -3, ["negative"]),
    "NaN area": (("annotations", 0, "area"), float("nan"), ["'area'", "NaN"]),
    "negative area": (("annotations", 0, "area"), -1, ["'area'", "negative"]),
    "no id": (("annotations", 0, "id"), ..., ["'id'"]),
    "image id too large": (("images", 1, "id"), 1e30, ["'id'", "whole"]),
    "height a text": (("images", 1, "height"), "50", ["'height'", "'50'", "pixels"]),
    "height NaN": (("images", 1, "height"), float("nan"), ["'height'", "image 1"]),
    "width negative": (("images", 0, "width"), -1, ["'width'", "-1"]),
    "width too large": (("images", 0, "width"), 2**70, ["'width'"]),
    "width of 2^53": (("images", 0, "width"), 2**53, ["'width'", "image 0"]),
    "width a list": (("images", 0, "width"), [60], ["'width'", "[60]"]),
    "image no object": (("images", 0), 5, ["'id'"]),
}


@pytest.mark.fault("annotations with a broken value, evaluated")
@pytest.mark.parametrize("name", BAD_TRUTH)
def test_bad_annotations(tmp_path, capsys, name):
    path, value, words = BAD_TRUTH[name]
    fails(tmp_path, capsys, *words, truth=changed(TRUTH, path, value))


BAD_BYTES = {
    "empty file": (b"", "empty"),
    "one byte": (b"x", "not JSON"),
    "one bracket": (b"[", "cut off"),
    "cut off": (json.dumps(RESULTS).encode()[:60], "cut off"),
    "not JSON": (b'[{"image_id": 1,, "score"', "not JSON (line 1, column"),
    "compressed": (gzip.compress(b"[]"), "compressed"),
    "an object": (json.dumps({"annotations": RESULTS}).encode(), "an object"),
    "a number": (b"7", "a number"),
    "trailing text": (json.dumps(RESULTS).encode() + b" x", "not JSON"),
}


@pytest.mark.fault("detections file that is cut, empty, compressed or not JSON")
@pytest.mark.parametrize("name", BAD_BYTES)
def test_broken_detections_file(tmp_path, capsys, name):
    content, word = BAD_BYTES[name]
    fails(tmp_path, capsys, "dt.json", word, results=content)


@pytest.mark.parametrize("name", ["empty file", "one byte", "cut off", "not JSON", "compressed"])
def test_broken_annotations_file(tmp_path, capsys, name):
    content, word = BAD_BYTES[name]
    fails(tmp_path, capsys, "gt.json", word, truth=content)


def test_a_list_instead_of_annotations(tmp_path, capsys):
    fails(tmp_path, capsys, "gt.json", "a list", truth=[1])


@pytest.mark.parametrize("missing", [0, 1])
def test_missing_file(tmp_path, capsys, missing):
    paths = write(tmp_path)
    paths[missing] = str(tmp_path / "nowhere.json")
    assert main(["evaluate", *paths]) == 2
    assert capsys.readouterr().err == f"error: {tmp_path / 'nowhere.json'}: no such file\n"


def test_a_folder_instead_of_a_file(tmp_path, capsys):
    paths = write(tmp_path)
    assert main(["evaluate", str(tmp_path), paths[1]]) == 2
    assert "cannot be read" in capsys.readouterr().err
    assert main(["evaluate", *paths, "--out", str(tmp_path)]) == 2
    assert "is a folder" in capsys.readouterr().err


def test_unwritable_output(tmp_path, capsys):
    paths = write(tmp_path)
    for option in ("--out", "--matches"):
        assert main(["evaluate", *paths, option, "/proc/nowhere/file"]) == 2
        assert "cannot be written" in capsys.readouterr().err


def test_unknown_ids_are_counted_and_three_named(tmp_path, capsys):
    more = [{**RESULTS[0], "image_id": 100 + i % 5} for i in range(12)]
    fails(tmp_path, capsys, "12 detections", "(100, 101, 102, ...)", results=RESULTS + more)
    more = [{**RESULTS[0], "category_id": 2}]
    words = ("1 detection has category ids", "(2)", "--ignore-unknown")
    fails(tmp_path, capsys, *words, results=RESULTS + more)


def test_too_little_memory_is_one_line(tmp_path, capsys, monkeypatch):
    def no_room(*_):
        raise MemoryError

    monkeypatch.setattr("rankdet.evaluation.evaluate.match", no_room)
    fails(tmp_path, capsys, "gt.json", "GB of memory, which this machine does not have")
    monkeypatch.setattr("pyarrow.json.read_json", no_room)
    fails(tmp_path, capsys, "gt.json", "GB of memory, which this machine does not have")


def test_unknown_options(tmp_path):
    gt, dt = write(tmp_path)
    for option in ("iou_type", "backend", "lrp_thresholds"):
        with pytest.raises(InputError, match=r"unknown .*'nope'; known: "):
            evaluate_files(gt, dt, **{option: "nope"})


@pytest.mark.parametrize("option", [("--bootstrap", "-3"), ("--sparsity-edges", "4,4")])
def test_bad_options(tmp_path, capsys, option):
    fails(tmp_path, capsys, option[1].split(",")[0], options=option)


def test_a_number_of_too_many_digits_is_one_line(tmp_path):
    digits = "9" * 5000  # Python refuses to read more than 4,300
    path = tmp_path / "detections.json"
    path.write_text(f'[{{"image_id":{digits},"category_id":1,"bbox":[1,1,2,2],"score":1}}]')
    with pytest.raises(InputError, match="too many digits"):
        list(read_json_list(path))
    with pytest.raises(InputError, match="too many digits"):
        read_json(path)


@pytest.mark.parametrize("spaced", [", ", ",\n "])
def test_a_key_that_is_there_twice_is_named(tmp_path, capsys, spaced):
    twice = json.dumps(RESULTS).replace('"image_id": 2, ', '"image_id": 1, "image_id": 2, ')
    results = twice.replace(", ", spaced).encode()
    fails(tmp_path, capsys, "dt.json: key 'image_id' is given twice in one object", results=results)
    twice = json.dumps(TRUTH).replace('"area": 100, ', '"area": 1, "area": 100, ')
    fails(tmp_path, capsys, "gt.json: key 'area' is given twice", truth=twice.encode())
