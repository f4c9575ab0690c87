"""Whatever is wrong with the files: one clear line and exit code 2, or a note; no traceback."""

import copy
import gzip
import json

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from analysis.errors import InputError
from analysis.evaluate import evaluate_files
from analysis.json_columns import read_columns
from analysis.json_stream import check_end, read_json_list
from analysis.masks import broken_masks
from rankdet.cli import main

TRUTH = {
    "images": [{"id": i, "height": 50, "width": 60} for i in (1, 2)],
    "categories": [{"id": 1, "name": "cat"}, {"id": 3, "name": "dog"}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 10, 10], "area": 100}
        | {"iscrowd": 0, "segmentation": [[0, 0, 10, 0, 10, 10, 0, 10]]},
        {"id": 2, "image_id": 2, "category_id": 3, "bbox": [5, 5, 20, 10], "area": 200}
        | {"iscrowd": 0, "segmentation": [[5, 5, 25, 5, 25, 15, 5, 15]]},
    ],
}
RESULTS = [
    {"image_id": 1, "category_id": 1, "bbox": [0, 0, 10, 9], "score": 0.9},
    {"image_id": 2, "category_id": 3, "bbox": [5, 5, 20, 9], "score": 0.8},
]


def write(folder, truth=TRUTH, results=RESULTS):
    paths = folder / "gt.json", folder / "dt.json"
    for path, data in zip(paths, (truth, results), strict=True):
        path.write_bytes(data if isinstance(data, bytes) else json.dumps(data).encode())
    return [str(p) for p in paths]


def changed(data, path, value):
    """Returns a copy with the entry at `path` set, or removed where `value` is ..."""
    data = copy.deepcopy(data)
    *parents, last = path
    inner = data
    for key in parents:
        inner = inner[key]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    return data


def fails(folder, capsys, *words, truth=TRUTH, results=RESULTS, options=()):
    code = main(["evaluate", *write(folder, truth, results), *options])
    captured = capsys.readouterr()
    assert code == 2
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: ")
    for word in words:
        assert word in lines[0]


def test_the_case_itself_is_good(tmp_path, capsys):
    assert main(["evaluate", *write(tmp_path)]) == 0
    assert capsys.readouterr().err == ""


BAD_RESULTS = {
    "NaN score": ((0, "score"), float("nan"), ["dt.json", "'score'", "NaN"]),
    "infinite score": ((1, "score"), float("inf"), ["'score'", "entry 1"]),
    "score a text": ((1, "score"), "0.9", ["'score'", "'0.9'", "entry 1"]),
    "score true": ((1, "score"), True, ["'score'", "True"]),
    "no score": ((1, "score"), ..., ["'score'", "number 1"]),
    "NaN box": ((0, "bbox", 2), float("nan"), ["'bbox'", "NaN"]),
    "infinite box": ((0, "bbox", 0), float("-inf"), ["'bbox'", "infinite"]),
    "negative size": ((1, "bbox", 3), -1, ["'bbox'", "negative size", "entry 1"]),
    "short box": ((1, "bbox"), [1, 2, 3], ["[1, 2, 3]", "[x, y, width, height]"]),
    "no box": ((0, "bbox"), ..., ["'bbox'", "None"]),
    "box of texts": ((0, "bbox"), ["1", 2, 3, 4], ["'bbox'", "numbers"]),
    "huge number": ((0, "bbox", 2), 10**400, ["'bbox'"]),
    "no image": ((0, "image_id"), ..., ["'image_id'"]),
    "image id a text": ((0, "image_id"), "1", ["'image_id'", "'1'", "whole"]),
    "image id a fraction": ((0, "image_id"), 1.5, ["'image_id'", "1.5", "whole"]),
    "image id null": ((0, "image_id"), None, ["'image_id'", "None"]),
    "image id huge": ((0, "image_id"), 2**70, ["'image_id'", "whole"]),
    "entry no object": ((0,), [1, 2], ["a list", "objects"]),
}


@pytest.mark.parametrize("name", BAD_RESULTS)
def test_bad_detections(tmp_path, capsys, name):
    path, value, words = BAD_RESULTS[name]
    fails(tmp_path, capsys, *words, results=changed(RESULTS, path, value))


BAD_TRUTH = {
    "no images": (("images",), ..., ["gt.json", "'images'"]),
    "images no list": (("images",), {}, ["'images'"]),
    "image id twice": (("images", 1, "id"), 1, ["image ids", "(1)", "more than once"]),
    "category id twice": (("categories", 1, "id"), 1, ["category ids", "(1)"]),
    "annotation id twice": (("annotations", 1, "id"), 1, ["annotation ids", "(1)"]),
    "unknown image": (("annotations", 1, "image_id"), 77, ["image_id", "77"]),
    "unknown category": (("annotations", 1, "category_id"), 77, ["category_id", "77"]),
    "NaN box": (("annotations", 0, "bbox", 0), float("nan"), ["'bbox'", "NaN"]),
    "negative size": (("annotations", 0, "bbox", 2), -3, ["negative"]),
    "NaN area": (("annotations", 0, "area"), float("nan"), ["'area'", "NaN"]),
    "negative area": (("annotations", 0, "area"), -1, ["'area'", "negative"]),
    "no id": (("annotations", 0, "id"), ..., ["'id'"]),
    "image no object": (("images", 0), 5, ["'id'"]),
}


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


@pytest.mark.parametrize("name", BAD_BYTES)
def test_broken_detections_file(tmp_path, capsys, name):
    content, word = BAD_BYTES[name]
    fails(tmp_path, capsys, "dt.json", word, results=content)


@pytest.mark.parametrize("name", ["empty file", "one byte", "cut off", "not JSON", "compressed"])
def test_broken_annotations_file(tmp_path, capsys, name):
    content, word = BAD_BYTES[name]
    fails(tmp_path, capsys, "gt.json", word, truth=content)


def test_a_large_file_that_is_cut_off_is_found_out_at_once(tmp_path):
    path = tmp_path / "dt.json"
    path.write_bytes(json.dumps(RESULTS).encode()[:-3])
    check_end(path)  # small: left to the parser
    with pytest.raises(InputError, match=r"dt.json: does not end with '\]' after \d+ bytes"):
        check_end(path, size=10)
    path.write_text(json.dumps(RESULTS) + " \n")
    check_end(path, size=10)
    path.write_text('{"an": "object"}')
    check_end(path, size=10)


def test_list_in_place_of_annotations(tmp_path, capsys):
    fails(tmp_path, capsys, "gt.json", "a list", truth=[1])


@pytest.mark.parametrize("missing", [0, 1])
def test_missing_file(tmp_path, capsys, missing):
    paths = write(tmp_path)
    paths[missing] = str(tmp_path / "nowhere.json")
    assert main(["evaluate", *paths]) == 2
    assert capsys.readouterr().err == f"error: {tmp_path / 'nowhere.json'}: no such file\n"


def test_a_folder_is_no_file(tmp_path, capsys):
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
    words = ("1 detections", "category ids", "(2)", "--ignore-unknown")
    fails(tmp_path, capsys, *words, results=RESULTS + more)


def test_unknown_ids_can_be_left_out(tmp_path):
    more = [{**RESULTS[0], "image_id": 9}, {**RESULTS[0], "category_id": 2}]
    gt, dt = write(tmp_path, results=more + RESULTS)
    result = evaluate_files(gt, dt, ignore_unknown=True)
    assert result["counts"]["detections"] == 2
    assert [note.split(" that ")[0] for note in result["notes"]] == [
        "1 detections have image ids",
        "1 detections have category ids",
    ]
    gt, dt = write(tmp_path)
    assert evaluate_files(gt, dt)["metrics"] == result["metrics"]


@pytest.mark.parametrize("backend", ["hotcoco", "pycocotools"])
@pytest.mark.parametrize("iou_type", ["bbox", "segm"])
def test_no_detections(tmp_path, backend, iou_type):
    gt, dt = write(tmp_path, results=[])
    out = evaluate_files(gt, dt, backend=backend, iou_type=iou_type, matches_path=tmp_path / "m")
    metrics = out["metrics"]
    assert metrics["AP"] == metrics["AP50"] == metrics["AR100"] == 0
    assert metrics["oLRP"] == metrics["oLRP_FN"] == 1
    empty = ["oLRP_Loc", "oLRP_FP", "pearson", "spearman", "kendall", "kendall_pooled"]
    assert all(metrics[key] is None for key in empty)
    assert "no detections" in out["notes"][0]


@pytest.mark.parametrize("backend", ["hotcoco", "pycocotools"])
def test_no_ground_truth(tmp_path, backend):
    gt, dt = write(tmp_path, truth={**TRUTH, "annotations": []})
    out = evaluate_files(gt, dt, backend=backend)
    assert all(value is None for value in out["metrics"].values())
    json.dumps(out, allow_nan=False)


def test_nothing_at_all(tmp_path):
    truth = {"images": [], "annotations": [], "categories": []}
    gt, dt = write(tmp_path, truth=truth, results=[])
    out = evaluate_files(gt, dt, matches_path=tmp_path / "m.parquet")
    assert all(value is None for value in out["metrics"].values())
    assert out["per_class"] == {}


def test_scores_outside_the_unit_interval_are_noted(tmp_path):
    gt, dt = write(tmp_path, results=changed(RESULTS, (0, "score"), 5.5))
    out = evaluate_files(gt, dt)
    assert out["notes"] == [
        "1 detections have a score outside [0, 1]: used as they are, calibration is undefined"
    ]
    assert out["calibration"]["D_ECE"] is None and out["calibration"]["LaECE"] is None
    assert out["per_class"]["1"]["LaECE"] is None
    gt, dt = write(tmp_path)
    assert out["metrics"]["AP"] == evaluate_files(gt, dt)["metrics"]["AP"]


def test_too_little_memory_is_one_line(tmp_path, capsys, monkeypatch):
    def no_room(*_):
        raise MemoryError

    monkeypatch.setattr("analysis.evaluate.match", no_room)
    fails(tmp_path, capsys, "gt.json", "GB of memory, which is not there")
    monkeypatch.setattr("pyarrow.json.read_json", no_room)
    fails(tmp_path, capsys, "gt.json", "GB of memory, which is not there")


@pytest.mark.parametrize("backend", ["hotcoco", "pycocotools"])
def test_annotation_id_0_is_renumbered(tmp_path, backend):
    gt, dt = write(tmp_path)
    good = evaluate_files(gt, dt, backend=backend)
    gt, dt = write(tmp_path, truth=changed(TRUTH, ("annotations", 0, "id"), 0))
    out = evaluate_files(gt, dt, backend=backend)
    assert "annotation id 0" in out["notes"][0]
    assert out["metrics"] == good["metrics"]


def test_missing_areas_are_those_of_the_boxes(tmp_path):
    gt, dt = write(tmp_path)
    good = evaluate_files(gt, dt)
    gt, dt = write(tmp_path, truth=changed(TRUTH, ("annotations", 0, "area"), ...))
    out = evaluate_files(gt, dt)
    assert out["notes"] == ["1 annotations have no area: that of their boxes is used"]
    assert out["metrics"] == good["metrics"]


def segm(value):
    results = [
        {k: v for k, v in r.items() if k != "bbox"} | {"segmentation": value} for r in RESULTS
    ]
    return {"results": results, "options": ["--iou-type", "segm"]}


def test_bad_masks(tmp_path, capsys):
    fails(tmp_path, capsys, "segmentation", "None", **segm(None))
    fails(tmp_path, capsys, "segmentation", "polygons or RLE", **segm({"size": [50, 60]}))
    fails(tmp_path, capsys, "segmentation", **segm({"size": [50], "counts": "04"}))
    fails(tmp_path, capsys, "segmentation", **segm([["a", "b"]]))
    fails(tmp_path, capsys, "segmentation", **segm([[0, 0, 1e15, 0, 1e15, 1e15]]))
    fails(tmp_path, capsys, "segmentation", **segm([[0, 0, float("nan"), 0, 9, 9]]))
    fails(tmp_path, capsys, "segmentation", **segm([]))
    small = {"size": [5, 6], "counts": [0, 30]}
    fails(tmp_path, capsys, "5 x 6 pixels", "50 x 60", **segm(small))


@pytest.mark.parametrize(
    "counts", ["", "0", "04", "hn1", "hn11", "hn1O", "hn1P", "\x7f", "nnnnnnn1"]
)
def test_run_lengths_must_add_up(tmp_path, capsys, counts):
    # pycocotools would loop for ever over such masks.
    words = ("2 detections do not add up", "number 0, 1 from 0")
    fails(tmp_path, capsys, *words, **segm({"size": [50, 60], "counts": counts}))


def test_good_run_lengths_are_taken():
    rng = np.random.default_rng(0)
    shapes = [(1, 1), (3, 7), (50, 60), (480, 640)]
    blobs = [
        np.asfortranarray((rng.random(shape) < p).astype(np.uint8))
        for shape in shapes
        for p in (0, 0.001, 0.02, 0.5, 1)
    ]
    masks = [coco_mask.encode(blob) for blob in blobs]
    assert broken_masks(masks).tolist() == []
    cut = [dict(m, counts=m["counts"][:-1]) if i in (4, 11) else m for i, m in enumerate(masks)]
    assert broken_masks(cut).tolist() == [4, 11]


def test_unknown_options(tmp_path):
    gt, dt = write(tmp_path)
    for option in ("iou_type", "backend", "lrp_thresholds"):
        with pytest.raises(InputError, match=r"unknown .*'nope'; known: "):
            evaluate_files(gt, dt, **{option: "nope"})


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
    "list in list": "[{0}, [{1}]]",
}


@pytest.mark.parametrize("name", DOUBTFUL)
@pytest.mark.parametrize("block", [16, 10**6])
def test_fast_reading_takes_nothing_doubtful(tmp_path, capsys, name, block):
    text = DOUBTFUL[name].format(*map(json.dumps, RESULTS))
    path = tmp_path / "dt.json"
    path.write_text(text)
    assert read_columns(path, block) is None
    fails(tmp_path, capsys, "dt.json", results=text.encode())


def test_extra_results_on_request(tmp_path, capsys):
    paths = write(tmp_path)
    out = tmp_path / "metrics.json"
    options = ["--bootstrap", "20", "--seed", "3", "--errors", "--sparsity-edges", "0,2"]
    assert main(["evaluate", *paths, *options, "--sparsity-crowds", "--out", str(out)]) == 0
    result = json.loads(out.read_text())
    assert result["intervals"]["replicates"] == 20 and result["intervals"]["seed"] == 3
    assert result["intervals"]["metrics"].keys() <= result["metrics"].keys()
    assert result["errors"]["counts"]["Miss"] == 0
    assert [(b["low"], b["high"]) for b in result["sparsity"]] == [(0, 1), (2, None)]
    assert "intervals from 20 draws" in capsys.readouterr().out


@pytest.mark.parametrize("option", [("--bootstrap", "-3"), ("--sparsity-edges", "4,4")])
def test_bad_options(tmp_path, capsys, option):
    fails(tmp_path, capsys, option[1].split(",")[0], options=option)
