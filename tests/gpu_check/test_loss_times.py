"""Times of the losses: every form at every size, the looped form only if it fits."""

import itertools
import os

import pytest
import torch

from rankdet.gpu_check import clock, kernels, loss_times
from rankdet.gpu_check.loss_times import Batches, Loops
from rankdet.losses import benchmark
from rankdet.losses.benchmark import draw_batch
from rankdet.losses.device import KERNELS
from tests.gpu_check.contexts import context


def test_every_form_is_measured(tmp_path):
    missing, *rows = loss_times.rows(context(tmp_path))
    assert missing["form"] == "fused" and missing["status"] == "skipped"
    assert missing["reason"] == "fused kernels need a GPU"
    assert all(row["status"] == "measured" and row["ms"] > 0 for row in rows)
    assert all(row["best_ms"] <= row["ms"] and row["peak_mb"] is None for row in rows)
    sizes = len(loss_times.SIZES["tiny"])
    forms = [row["form"] for row in rows]
    assert [forms.count(form) for form in ("copy", "focal", "plain", "bucketed", "looped")] == [
        sizes,
        sizes,
        4 * sizes,
        3 * sizes,
        4 * sizes,
    ]
    assert forms[-4 * sizes :] == ["looped"] * (4 * sizes)  # the slowest come last


def test_full_sizes_are_those_of_the_issue():
    sizes = loss_times.SIZES["full"]
    assert sizes[0] == (50, 10_000) and sizes[-1] == (5000, 5_000_000)
    assert all(a[1] < b[1] for a, b in itertools.pairwise(sizes))


def test_kernels_run_with_the_switch_on_and_graphs_are_captured(tmp_path, monkeypatch):
    seen = set()

    def ours(name, batch):
        seen.add((os.environ[KERNELS], name))

    def captured(call):
        seen.add((os.environ[KERNELS], "captured"))
        return call

    monkeypatch.setattr(kernels, "missing", lambda device: "")
    monkeypatch.setattr(loss_times.benchmark, "ours", ours)
    monkeypatch.setattr(loss_times, "captured", captured)
    monkeypatch.setattr(loss_times, "bounded", lambda name, batch: seen.add(("bounded", name)))
    rows = list(loss_times.rows(context(tmp_path)))
    assert all(row["status"] == "measured" for row in rows)
    forms = [(row["form"], row["loss"]) for row in rows if row["positives"] == 20]
    with_kernels = loss_times.LOSSES
    assert [loss for form, loss in forms if form == "fused"] == list(with_kernels)
    assert [loss for form, loss in forms if form == "graph"] == ["copy", "focal", *with_kernels]
    assert seen == {
        *(("off", loss) for loss in loss_times.LOSSES),
        *(("on", loss) for loss in with_kernels),
        *(("bounded", loss) for loss in with_kernels),
        ("on", "captured"),
    }


@pytest.mark.parametrize("name", loss_times.LOSSES)
def test_a_loss_with_a_bound_is_the_same_loss(name):
    batch = draw_batch(30, 3000, "middle")
    loss, gradient = loss_times.bounded(name, batch)
    expected, by_ours = benchmark.ours(name, batch)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    torch.testing.assert_close(gradient, by_ours)


def test_a_loop_that_would_take_too_long_is_not_started(tmp_path):
    loops = Loops()
    assert loops.expected("ap", (10, 1000)) == 0
    item = {"loss": "ap", "form": "looped", "positives": 10, "logits": 1000, "stage": "early"}
    first = loops.measure(item, Batches("cpu"), context(tmp_path))
    assert first["status"] == "measured"
    seconds = first["ms"] / 1e3
    assert loops.expected("ap", (20, 500)) == pytest.approx(2 * seconds)
    assert loops.expected("ap", (20, 4000)) == pytest.approx(8 * seconds)
    huge = {**item, "positives": 10_000_000, "logits": 10**9}
    assert loops.measure(huge, Batches("cpu"), context(tmp_path, 5))["status"] == "not reached"


def test_focal_loss_is_computed_over_whole_anchors():
    batch = draw_batch(30, 8010, "middle")
    loss, gradient = loss_times.focal_call(batch)()
    assert gradient.shape == (100, 80)
    positive = (batch.labels[:8000] == 1).view(100, 80)
    logits = batch.logits[:8000].view(100, 80).double()
    target = torch.zeros_like(logits)
    rows = positive.any(1).nonzero().squeeze(1)
    target[rows, positive.int().argmax(1)[rows]] = 1
    p = logits.sigmoid()
    shares = torch.where(target == 1, 0.25 * (1 - p) ** 2, 0.75 * p**2)
    expected = -(shares * torch.where(target == 1, p, 1 - p).log()).sum()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-4)


def test_the_clock_takes_the_median_and_stops_in_time(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(clock.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(clock.time, "monotonic", lambda: now[0])
    durations = iter([9, 9, 9, 1, 5, 2])

    def call():
        now[0] += next(durations)

    found = clock.timed(call, "cpu", warm_ups=3, repeats=3)
    assert (found["ms"], found["best_ms"], found["repeats"]) == (2000, 1000, 3)
    durations = iter([100.0, 4, 4, 4, 4])  # a first call that compiles does not use up the time
    found = clock.timed(call, "cpu", warm_ups=3, repeats=10, seconds=7)
    assert found["repeats"] == 2 and found["ms"] == 4000


def test_two_calls_are_measured_in_turns(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(clock.time, "perf_counter", lambda: now[0])
    order = []
    durations = {"call": iter([9, 2, 4, 30]), "beside": iter([9, 1, 2, 10])}  # ever slower

    def measured(name):
        order.append(name)
        now[0] += next(durations[name])

    found = clock.timed(
        lambda: measured("call"),
        "cpu",
        warm_ups=1,
        repeats=3,
        beside=lambda: measured("beside"),
    )
    assert order == ["call", "beside"] * 4
    assert (found["ms"], found["beside_ms"], found["ratio"]) == (4000, 2000, 2)
