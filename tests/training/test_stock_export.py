"""`rankdet export-model`: mmdet's own test of the exported files has the AP of the record."""

import json
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.runner import Runner

from rankdet import cli
from rankdet.errors import InputError
from rankdet.evaluation.evaluate import evaluate_files
from rankdet.study import cards
from rankdet.training import predict, train
from rankdet.training.stock_export import export_model
from tests.training.tiny_runs import tiny_run

SCHEDULE = {"batch_size": 2, "iterations": 6, "lr": 0.005}


def trained(folder: Path, detector: str = "retinanet", loss: str = "ap"):
    """A run of some iterations, its detections and its record."""
    file = cards.load_loss(loss)
    more = {"images": (6, 4), "detector": detector, "card": file.variant("")}
    spec = tiny_run(folder / "data", SCHEDULE, loss_file=str(file.path), **more)
    train(spec, folder / "run")
    predict(spec, folder / "run", "val", folder / "run")
    return spec, folder / "run"


@pytest.mark.parametrize("detector", ["retinanet", "atss", "fcos"])
def test_mmdets_own_test_has_the_ap_of_the_record(tmp_path, monkeypatch, detector) -> None:
    spec, run = trained(tmp_path, detector)
    annotations = json.loads(Path(spec["manifest"]).read_text())["splits"]["val"]["annotations"]
    expected = evaluate_files(annotations, run / "detections.json")["metrics"]
    out = tmp_path / "model"
    assert export_model(spec, run, out) == 4
    text = (out / "config.py").read_text()
    assert "rankdet." not in text and "criterion" not in text and str(out) not in text
    monkeypatch.chdir(tmp_path)
    settings = Config.fromfile(out / "config.py")
    settings.test_evaluator.outfile_prefix = "theirs"
    found = Runner.from_cfg(settings).test()
    assert expected["AP50"] > 0  # a model without detections would prove nothing
    assert found["coco/bbox_mAP"] == pytest.approx(expected["AP"], abs=0.0006)  # mmdet rounds
    theirs = evaluate_files(annotations, "theirs.bbox.json")["metrics"]
    assert theirs["AP"] == pytest.approx(expected["AP"], abs=1e-4)
    assert theirs["oLRP"] == pytest.approx(expected["oLRP"], abs=1e-4)


def test_a_head_that_mmdet_does_not_have_is_refused(tmp_path) -> None:
    spec, run = trained(tmp_path, "faster-rcnn")
    with pytest.raises(InputError, match="mmdet's own head has other weights") as caught:
        export_model(spec, run, tmp_path / "model")
    assert len(str(caught.value).splitlines()) == 1 and not (tmp_path / "model").exists()


def test_tests_that_no_config_has_are_refused(tmp_path) -> None:
    spec = {"test": {"flip": True}}
    with pytest.raises(InputError, match=r"test\.flip: the run is tested in a way"):
        export_model(spec, tmp_path, tmp_path / "model")


def test_a_folder_without_a_run_is_one_line(tmp_path, capsys) -> None:
    out = tmp_path / "model"
    assert cli.main(["export-model", str(tmp_path), "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert "no run.json there" in error and len(error.splitlines()) == 1
