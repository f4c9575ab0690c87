"""The benchmark itself runs, at a small size, and compares equal numbers."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import bench_evaluation


def test_small_case(tmp_path, capsys):
    out = tmp_path / "bench.json"
    options = ["--images", "40", "--detections", "3000", "--draws", "5", "--out", str(out)]
    assert bench_evaluation.main(options) in (0, 1)  # the ratio means nothing at this size
    text = capsys.readouterr().out
    assert "times faster" in text and "accumulate" in text
    assert out.stat().st_size > 300


def test_the_case_is_made_from_its_seed(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        (tmp_path / name).mkdir()
        bench_evaluation.make_case(tmp_path / name, 10, 50, seed)
    first, same, other = ((tmp_path / n / "dt.json").read_bytes() for n in "abc")
    assert first == same != other


@pytest.mark.slow
def test_all_our_measures_take_an_eighth_of_pycocotools_ap(capsys):
    result = bench_evaluation.run(5000, 500_000)
    assert result["ratio"] >= 8, result
    assert result["ours_peak_gb"] <= 2
