"""Mask R-CNN is trained, stopped, resumed and predicted from; each head has its own columns."""

import json
from pathlib import Path

import pandas as pd
import pytest
from pycocotools.coco import COCO

from rankdet.datasets import prepare
from rankdet.evaluation.evaluate import evaluate_files
from rankdet.study.cards import load_loss
from rankdet.study.detectors import load_detector
from rankdet.training import predict, recording, train
from rankdet.training.record import imbalance_ratios, verdict
from tests.whole_runs import assert_same_weights

HEADS = ("rpn_", "s0_")


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    options = {"kind": "shapes", "seed": 1, "train_images": 8, "val_images": 3, "image_size": 64}
    prepare("shapes", options, folder)
    schedule = {"image_size": 64, "batch_size": 4, "iterations": 6, "lr": 0.002}
    return {
        "study": "test",
        "dataset": "shapes",
        "detector": "mask-rcnn",
        "loss": "rs",
        "variant": "",
        "seed": 1,
        "preset": "small",
        "manifest": str(folder / "dataset.json"),
        "detector_spec": load_detector("mask-rcnn", "small"),
        "card": load_loss("rs").variant(""),
        "loss_file": None,
        "schedule": {**schedule, "warmup": 2, "checkpoint_every": 2},
        "splits": ["val"],
        "test": {"score_threshold": 0.0},
        "hashes": {"config": "c", "code": "k", "loss": "l", "data": "d"},
        "threads": 1,
        "device": "cpu",
    }


class Stopped(RuntimeError):
    pass


@pytest.fixture(scope="module")
def runs(spec, tmp_path_factory):
    """One run left alone, and the same run stopped in its third epoch and resumed."""
    folder = tmp_path_factory.mktemp("runs")
    train(spec, folder / "whole")
    write = recording.RecordHook.after_train_iter

    def stop(self, runner, *args, **kwargs):
        write(self, runner, *args, **kwargs)
        if runner.iter + 1 == 5:
            raise Stopped

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recording.RecordHook, "after_train_iter", stop)
        with pytest.raises(Stopped):
            train(spec, folder / "stopped")
    train(spec, folder / "stopped")
    predict(spec, folder / "whole", "val", folder / "whole")
    return folder


def test_resumed_run_equals_the_unbroken_one(runs):
    record = json.loads((runs / "stopped" / "run.json").read_text())
    assert record["training"]["resumed_from"] == [4]
    assert_same_weights(runs / "whole", runs / "stopped")


def test_each_head_has_its_columns(runs):
    rows = pd.read_parquet(runs / "whole" / "train.parquet")
    assert rows["iteration"].tolist() == [1, 2, 3, 4, 5, 6]
    for column in ("num_pos", "num_neg", "grad_pos", "grad_neg"):
        parts = sum(rows[f"{head}{column}"] for head in HEADS)
        assert rows[column].tolist() == pytest.approx(parts.tolist())
    assert (rows["rpn_num_pos"] > 0).all()
    assert (rows["s0_num_pos"] > 0).all()  # the ground truth at the least
    assert rows["balance_weight"].equals(rows["s0_balance_weight"])
    losses = {"loss_rpn_rank", "loss_rpn_sort", "loss_rpn_bbox", "loss_rank", "loss_sort"}
    assert losses | {"loss_bbox", "loss_mask"} <= set(rows.columns)
    total = sum(rows[name] for name in rows.columns if name.startswith("loss_"))
    assert rows["loss"].tolist() == pytest.approx(total.tolist(), rel=1e-5)


def test_the_summary_says_how_many_negatives_a_positive_has(runs):
    training = json.loads((runs / "whole" / "run.json").read_text())["training"]
    first = pd.read_parquet(runs / "whole" / "train.parquet").query("epoch == 1")
    expected = (first["rpn_num_neg"] / first["rpn_num_pos"]).mean()
    assert training["instance_ratio_rpn"] == pytest.approx(expected)
    assert training["task_ratio_rpn"] == pytest.approx(expected)  # one class: objectness
    instances = (first["s0_num_neg"] / first["s0_num_pos"]).mean()
    assert training["task_ratio_s0"] == pytest.approx(7 + 8 * instances)


def test_ratios_of_one_head_and_of_none():
    rows = [{"epoch": 1, "num_pos": 2, "num_neg": 6}, {"epoch": 2, "num_pos": 1, "num_neg": 9}]
    assert imbalance_ratios(rows, {"": 3}) == {"instance_ratio": 3.0, "task_ratio": 11.0}
    assert imbalance_ratios([], {"": 3}) == {"instance_ratio": None, "task_ratio": None}


def test_masks_are_predicted_and_can_be_evaluated(runs, spec):
    detections = json.loads((runs / "whole" / "detections.json").read_text())
    manifest = json.loads(Path(spec["manifest"]).read_text())
    path = manifest["splits"]["val"]["annotations"]
    assert detections
    assert all(d["segmentation"]["size"] == [64, 64] for d in detections)
    COCO(path).loadRes(str(runs / "whole" / "detections.json"))
    found = evaluate_files(path, runs / "whole" / "detections.json", iou_type="segm")
    assert 0 <= found["metrics"]["AP"] <= 1


def test_collapse_of_losses_by_other_names():
    for name in ("loss_rank", "s0_loss_cls", "s0_loss_rank"):
        status, reason = verdict([{name: 0.99}] * 20, {"collapse_above": 0.97})
        assert status == "collapsed"
        assert name in reason
    assert verdict([{"loss_rank": 0.5}] * 20, {"collapse_above": 0.97}) == ("trained", None)
