"""`rankdet bench iteration --stock`: our adapters are timed beside mmdet's own heads."""

import json

import pytest
import torch

from rankdet.cli import main
from rankdet.detectors.models import stock_config
from rankdet.study.detectors import load_detector
from rankdet.training import stock
from rankdet.training.cost import draw_batch
from rankdet.training.environment import set_up
from tests.detectors.batches import build

SIZES = ["--preset", "small", "--image-size", "64", "--batch-size", "1", "--classes", "3"]
BATCH = {"image_size": 64, "batch_size": 1, "classes": 3}
COMMAND = ["bench", "iteration", "--stock", *SIZES, "--device", "cpu"]


def test_a_line_and_a_row_for_each_detector(tmp_path, capsys):
    path = tmp_path / "stock.json"
    names = ("retinanet", "faster-rcnn", "yolact")
    detectors = [word for name in names for word in ("--detector", name)]
    assert main([*COMMAND, *detectors, "--rounds", "2", "--out", str(path)]) == 0
    record = json.loads(path.read_text())
    assert record["schema"] == "rankdet.bench.stock/1"
    assert record["settings"]["rounds"] == 2
    losses = [("retinanet", "focal"), ("faster-rcnn", "ce+l1"), ("yolact", "focal")]
    assert [(row["detector"], row["loss"]) for row in record["rows"]] == losses
    printed = capsys.readouterr().out
    theirs = [row["stock_loss"] for row in record["rows"]]
    assert theirs[:2] == ["FocalLoss + L1Loss", "CrossEntropyLoss + L1Loss"]
    for row in record["rows"]:
        assert row["stock_loss"] in printed
        assert row["ours_s"] > 0
        assert 0.1 < row["ratio"] < 10
        assert f"{row['ratio']:7.3f}\n" in printed


def test_a_detector_that_only_our_adapter_has_is_one_line(capsys):
    assert main([*COMMAND, "--detector", "retinanet", "--detector", "paa-star"]) == 2
    out, error = capsys.readouterr()
    assert out == ""  # nothing was measured before
    assert "paa-star: mmdet has no such head" in error
    assert len(error.strip().splitlines()) == 1


@pytest.mark.parametrize("detector", ["retinanet", "fcos", "cascade-rcnn", "solov2"])
def test_mmdets_own_head_is_built_without_criterion(detector):
    set_up({"device": "cpu"})
    config = stock_config(load_detector(detector, "small"), preset="small", classes="abc")
    model = build(config)
    assert not [m for m in model.modules() if type(m).__module__.startswith("rankdet.detectors.")]


def test_a_step_trains_and_clears_its_gradients():
    set_up({"device": "cpu"})
    detector = load_detector("mask-rcnn", "small")
    model = build(stock_config(detector, preset="small", classes="abc"))
    images, samples = draw_batch(BATCH, "cpu")
    stock.with_masks(samples)
    before = [p.detach().clone() for p in model.parameters()]
    stock.training_step(model, (images, samples), "cpu")()
    after = list(model.parameters())
    assert any(not torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert all(p.grad is None for p in after)


def test_masks_fill_their_boxes():
    _, samples = draw_batch(BATCH, "cpu")
    stock.with_masks(samples)
    for sample in samples:
        boxes = sample.gt_instances.bboxes.round()
        areas = (boxes[:, 2:] - boxes[:, :2]).clamp(min=1).prod(1)
        assert sample.gt_instances.masks.masks.sum((1, 2)).tolist() == areas.tolist()


def test_an_interrupt_leaves_the_rows_that_were_measured(tmp_path, monkeypatch):
    out = tmp_path / "stock.json"
    measured = []

    def alternating(calls, *_):
        measured.append(calls)
        if len(measured) == 2:
            raise KeyboardInterrupt
        return [[1.0], [2.0]]

    monkeypatch.setattr("rankdet.losses.turns.alternating", alternating)
    detectors = ["--detector", "retinanet", "--detector", "atss"]
    assert main([*COMMAND, *detectors, "--out", str(out)]) == 130
    assert [row["ratio"] for row in json.loads(out.read_text())["rows"]] == [0.5]


def test_another_loss_than_mmdets_is_named_beside_it(capsys):
    assert main([*COMMAND, "--loss", "rs", "--rounds", "1"]) == 0
    printed = capsys.readouterr().out
    assert "mmdet with its own losses" in printed
    line = next(line for line in printed.splitlines() if line.startswith("retinanet"))
    assert line.split()[1:5] == ["rs", "FocalLoss", "+", "L1Loss"]
