"""Our command gives the numbers that COCO publishes for its example results."""

import json
import re

import pytest

from rankdet.cli import main
from rankdet.evaluation.evaluate import evaluate_files
from tests.shared_data import require_shared

FOLDER = "cocoapi_val2014_100"
KEYS = ["AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large"]
KEYS += ["AR1", "AR10", "AR100", "AR_small", "AR_medium", "AR_large"]


def published(folder, iou_type):
    text = (folder / "val2014_fake_eval_res.txt").read_text()
    part = text.split(f"type={iou_type}")[1].split("type=")[0]
    return [float(v) for v in re.findall(r"\] = (\S+)", part)]


@pytest.mark.needs_shared
@pytest.mark.parametrize("backend", ["matches", "hotcoco", "pycocotools"])
@pytest.mark.parametrize(("iou_type", "ap"), [("bbox", 0.505), ("segm", 0.320)])
def test_all_twelve_published_numbers(backend, iou_type, ap):
    folder = require_shared("data", FOLDER)
    result = evaluate_files(
        folder / "instances_val2014_100.json",
        folder / f"instances_val2014_fake{iou_type}100_results.json",
        iou_type=iou_type,
        backend=backend,
    )
    metrics = result["metrics"]
    assert round(metrics["AP"], 3) == ap
    assert [round(metrics[k], 3) for k in KEYS] == published(folder, iou_type)
    assert 0 < metrics["oLRP"] < 1
    assert result["counts"]["images"] == 100


@pytest.mark.needs_shared
def test_command_prints_and_writes_them(tmp_path, capsys):
    folder = require_shared("data", FOLDER)
    out = tmp_path / "deep" / "metrics.json"
    files = [
        folder / "instances_val2014_100.json",
        folder / "instances_val2014_fakebbox100_results.json",
    ]
    options = ["--out", out, "--matches", tmp_path / "matches.parquet"]
    assert main(["evaluate", *map(str, [*files, *options])]) == 0
    assert "50.5" in capsys.readouterr().out
    assert json.loads(out.read_text())["metrics"]["AP"] == pytest.approx(0.505, abs=5e-4)
    assert (tmp_path / "matches.parquet").stat().st_size > 1000
    assert sorted(p.name for p in tmp_path.iterdir()) == ["deep", "matches.parquet"]
