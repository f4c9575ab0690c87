"""Training iterations of detectors with losses, and the loader."""

import pytest
import torch

from rankdet.gpu_check import iteration_times, loader_times
from rankdet.gpu_check.iteration_times import Models, Step
from rankdet.training.environment import set_up
from tests.gpu_check.contexts import context


@pytest.fixture(scope="module", autouse=True)
def mmdet():
    set_up({"device": "cpu", "threads": 1})


def test_each_detector_is_reached_before_the_second_loss():
    full = iteration_times.items("full")
    assert [row["detector"] for row in full[:8:2]] == list(iteration_times.BASELINES)
    assert {row["loss"] for row in full[:8]} == {"focal", "ce"}
    assert {row["loss"] for row in full[8:]} == {"rs", "alrp", "ap", "ape"}
    assert {row["loss"] for row in full if row["form"] == "fused"} == {"rs", "alrp", "ap", "ape"}
    assert len(full) == 4 * (2 + 4 * 3)  # detectors, the baseline in fp32 and bf16, four losses


def test_rows_with_ratios(tmp_path, monkeypatch):
    monkeypatch.setattr(iteration_times, "BASELINES", {"retinanet": "focal", "mask-rcnn": "ce"})
    skipped, *rows = iteration_times.rows(context(tmp_path))
    assert skipped["form"] == "fused"
    assert [row["status"] for row in rows] == ["measured"] * 6, rows
    for row in rows:
        assert 0 < row["loss_value"] < 100
        assert (row["ratio"] == 1) == (row["loss"] != "rs")
        assert 0.2 < row["ratio"] < 5
        if row["loss"] == "rs":  # one turn, so the ratio is that of the two times
            assert row["ratio"] == pytest.approx(row["ms"] / row["baseline_ms"])
        else:
            assert row["baseline_ms"] is None
    assert {row["loss"] for row in rows if row["detector"] == "mask-rcnn"} == {"ce", "rs"}


def test_without_the_baseline_there_is_no_ratio(tmp_path):
    models = Models(context(tmp_path))
    focal = {"detector": "retinanet", "loss": "focal", "form": "plain", "precision": "fp32"}
    images = models.batch()[0].clone()
    models.batch()[0].fill_(float("nan"))
    assert models.measure(focal)["status"] == "failed"
    models.batch()[0].copy_(images)
    found = models.measure({**focal, "loss": "rs"})
    assert found["ms"] > 0 and found["ratio"] is None


def test_a_loss_that_is_not_finite_is_a_failure(tmp_path):
    models = Models(context(tmp_path))
    item = {"detector": "retinanet", "loss": "focal", "form": "plain", "precision": "fp32"}
    models.batch()[0].fill_(float("nan"))
    row = models.measure(item)
    assert row == {"status": "failed", "reason": "the sum of the losses is nan"}


def test_a_loss_that_does_not_train_a_detector_is_skipped(tmp_path):
    item = {"detector": "retinanet", "loss": "foo", "form": "plain", "precision": "fp32"}
    row = Models(context(tmp_path)).measure(item)
    assert row["status"] == "skipped" and "unknown loss 'foo'" in row["reason"]


def test_a_step_computes_gradients_and_leaves_the_weights(tmp_path, monkeypatch):
    models = Models(context(tmp_path))
    model = models.build("retinanet", "alrp")
    seen = {}
    before = {name: value.clone() for name, value in model.named_parameters()}
    monkeypatch.setattr(
        torch.optim.SGD,
        "zero_grad",
        lambda self, set_to_none: seen.update(
            total=sum(p.grad.abs().sum().item() for g in self.param_groups for p in g["params"])
        ),
    )
    step = Step(model, models.batch(), "cpu", "bf16")
    assert step.bf16
    step()
    assert seen["total"] > 0
    assert all(torch.equal(before[name], value) for name, value in model.named_parameters())


def test_the_loader_is_timed_by_batches(tmp_path):
    (row,) = loader_times.rows(context(tmp_path))
    assert row["status"] == "measured" and row["workers"] == 0
    assert row["batches"] == 2  # four images, two at a time, one counted pass
    assert row["images_per_second"] == pytest.approx(2 / row["ms"] * 1e3)
