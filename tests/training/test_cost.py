"""What a loss costs: the record's form, and that it measures what it says."""

import json

import pytest
import torch

from rankdet.cli import main
from rankdet.losses import turns
from rankdet.results.schemas.cost import CostRecord
from rankdet.study.config.model import Cost
from rankdet.study.cost import cost_spec
from rankdet.training import cost


@pytest.fixture(scope="module")
def record():
    settings = Cost(
        detectors=["retinanet", "atss"],
        losses=["focal", "alrp", "rs"],
        preset="small",
        image_size=64,
        batch_size=2,
        classes=5,
        rounds=1,
    )
    return cost.measure_cost(cost_spec(settings, "here", 1, "cpu")).to_dict()


def test_every_detector_with_every_loss(record):
    rows = record["rows"]
    assert [(row["detector"], row["loss"]) for row in rows] == [
        (detector, loss) for detector in ("retinanet", "atss") for loss in ("focal", "alrp", "rs")
    ]
    for row in rows:
        assert 0 < row["loss_ms"] / 1e3 < row["iteration_s"]
        assert row["memory_mb"] is None or row["memory_mb"] > 100
        assert row["positives"] > 0
    # 64 px: 85 places; RetinaNet's small preset has 6 anchors at each, ATSS's has one.
    assert {row["logits"] for row in rows[:3]} == {2 * 6 * (64 + 16 + 4 + 1 + 1) * 5}
    assert {row["logits"] for row in rows[3:]} == {2 * (64 + 16 + 4 + 1 + 1) * 5}
    assert record["settings"]["image_size"] == 64
    json.dumps(record)


def test_losses_of_one_detector_see_the_same_problem(record):
    for detector in ("retinanet", "atss"):
        rows = [row for row in record["rows"] if row["detector"] == detector]
        assert len({(row["positives"], row["logits"]) for row in rows}) == 1


def test_the_batch_has_boxes_inside_its_images_and_is_the_same_each_time():
    spec = {"image_size": 96, "batch_size": 2, "classes": 4}
    images, samples = cost.draw_batch(spec, "cpu")
    again, _ = cost.draw_batch(spec, "cpu")
    assert images.shape == (2, 3, 96, 96)
    assert torch.equal(images, again)
    for sample in samples:
        boxes = sample.gt_instances.bboxes
        assert (boxes >= 0).all()
        assert (boxes <= 96).all()
        assert (boxes[:, 2:] > boxes[:, :2]).all()
        assert sample.gt_instances.labels.max() < 4


def test_an_interrupt_leaves_the_rounds_that_were_measured(tmp_path, monkeypatch):
    out = tmp_path / "cost.json"
    true, rounds = turns.alternating, []

    def alternating(calls, *others):
        rounds.append(calls)
        if len(rounds) == 4:  # the losses alone, in the second of five rounds
            raise KeyboardInterrupt
        return true(calls, *others)

    monkeypatch.setattr(turns, "alternating", alternating)
    sizes = ["--preset", "small", "--image-size", "64", "--loss", "focal", "--loss", "ap"]
    assert main(["bench", "iteration", *sizes, "--rounds", "5", "--out", str(out)]) == 130
    found, problem = CostRecord.read(out)
    assert problem is None
    assert [(row.loss, row.rounds) for row in found.rows] == [("focal", 1), ("ap", 1)]
    assert found.settings.rounds == 5


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--loss", "alpr"], "unknown loss 'alpr'; did you mean 'alrp'"),
        (["--detector", "retina"], "unknown detector 'retina'"),
        (["--image-size", "1"], "image_size"),
        (["--image-size", "100000"], "--image-size 100000: choose at most 8,192"),
        (["--batch-size", "100000"], "--batch-size 100000: choose at most 1,024"),
        (["--classes", "100000"], "--classes 100000: choose at most 10,000"),
    ],
)
def test_wrong_arguments_are_one_line(arguments, told, capsys):
    assert main(["bench", "iteration", *arguments]) == 2
    assert told in capsys.readouterr().err
