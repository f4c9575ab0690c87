"""The benchmark of the evaluation runs at a small size and compares equal numbers."""

import json

import pytest

from rankdet.cli import main
from rankdet.evaluation import benchmark
from rankdet.evaluation.coco.loading import load_ground_truth

SMALL = ["bench", "evaluation", "--images", "40", "--detections", "3000", "--draws", "5"]


def test_small_case(tmp_path, capsys):
    out = tmp_path / "new" / "bench.json"
    assert main([*SMALL, "--growth", "--out", str(out)]) == 0
    text = capsys.readouterr().out
    assert (
        "times faster" in text
        and "times the time of hotcoco, with equal AP" in text
        and "accumulate" in text
        and "peak memory" in text
    )
    record = json.loads(out.read_text())
    assert record["schema"] == benchmark.SCHEMA
    total = sum(record["ours_seconds"].values())
    assert record["ratio"] == pytest.approx(record["pycocotools_total"] / total)
    hotcoco = record["others"]["hotcoco"]
    assert hotcoco["ap_part_ratio"] == pytest.approx(record["ap_part"] / hotcoco["total"])
    assert 0 < record["ap_part"] < total and hotcoco["peak_gb"] > 0
    peaks = list(record["ours_peaks_gb"].values())
    assert (
        peaks == sorted(peaks) and record["ours_peaks_gb"].keys() == record["ours_seconds"].keys()
    )
    assert [row["detections"] for row in record["growth"]] == [750, 1500, 3000]


def test_alone(capsys):
    assert main([*SMALL, "--alone"]) == 0
    text = capsys.readouterr().out
    assert "pycocotools" not in text and "times faster" not in text


def test_only_the_named_evaluators(tmp_path):
    out = tmp_path / "bench.json"
    assert main([*SMALL, "--classes", "3", "--against", "hotcoco", "--out", str(out)]) == 0
    record = json.loads(out.read_text())
    assert list(record["others"]) == ["hotcoco"] and record["ratio"] is None
    assert record["classes"] == 3


def test_federated_annotations_are_timed_alone(tmp_path):
    out = tmp_path / "bench.json"
    assert main([*SMALL, "--classes", "30", "--federated", "--out", str(out)]) == 0
    record = json.loads(out.read_text())
    assert record["federated"] and not record["others"] and record["ratio"] is None
    paths = benchmark.make_case(tmp_path, 40, 3000, classes=30, federated=True)
    truth = load_ground_truth(paths[0])
    lists = truth.federated
    assert all(len(one) > 0 for one in lists.negative)
    objects = zip(truth.image, truth.category_ids[truth.category], strict=True)
    assert not any(c in lists.negative[i] for i, c in objects)
    assert max(map(len, lists.not_exhaustive)) == 1


def test_impossible_sizes_are_one_line(capsys):
    assert main(["bench", "evaluation", "--images", "0"]) == 2
    assert capsys.readouterr().err == "error: --images 0: choose 1 or more\n"


def test_precision_that_differs_is_found(monkeypatch):
    theirs = benchmark.pycocotools
    monkeypatch.setattr(
        benchmark, "pycocotools", lambda *paths: (theirs(*paths)[0], theirs(*paths)[1] + 1e-6)
    )
    with pytest.raises(AssertionError):
        benchmark.run(20, 500, 2)


def test_the_case_is_made_from_its_seed(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        (tmp_path / name).mkdir()
        benchmark.make_case(tmp_path / name, 10, 50, seed)
    first, same, other = ((tmp_path / n / "dt.json").read_bytes() for n in "abc")
    assert first == same != other
    assert len(json.loads(first)) == 50
