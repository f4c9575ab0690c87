"""Speed and memory of the losses, as asserted ratios: `pytest tests/bench/bench_losses.py`.

It takes minutes because the loops are slow. pytest collects it only if the file is named. All times
are processor times of one thread, of calls in turns.
"""

from unittest import mock

import pytest
import torch

from rankdet.losses import benchmark, functional, turns

LEAST_RATIO = {"ap": 10, "alrp": 10, "rank_sort": 8, "ape": 20}  # geometric mean, every size


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.slow
@pytest.mark.parametrize("size", benchmark.SIZES, ids=lambda s: f"P{s[0]}-N{s[1]}")
@pytest.mark.parametrize("loss", benchmark.LOSSES)
def test_ratio_to_the_loop_and_memory(loss, size):
    rows = list(benchmark.measure([loss], [size]))
    ratios = [row["ratio"] for row in rows]
    assert min(ratios) >= 5, ratios
    assert benchmark.geometric_mean(ratios) >= LEAST_RATIO[loss], ratios
    most = 220 if loss == "ape" else 40
    assert all(row["bytes_per_logit"] is None or row["bytes_per_logit"] <= most for row in rows)


@pytest.mark.slow
@pytest.mark.parametrize("stage", benchmark.STAGES)
@pytest.mark.parametrize("loss", ["ap", "alrp"])
def test_growth(loss, stage):
    factors = benchmark.growth(loss, stage)
    assert factors["n"] <= 2.2
    assert factors["p"] <= 1.3


@pytest.mark.slow
@pytest.mark.parametrize("stage", benchmark.STAGES)
def test_ape_is_not_slower_than_the_released_formula(stage):
    batch = benchmark.draw_batch(300, 100_000, stage)
    calls = [lambda: benchmark.ours("ape", batch), lambda: benchmark.looped("ape", batch)]
    (own, loop), _ = turns.best(calls, 2)
    assert own <= loop


@pytest.mark.slow
@pytest.mark.parametrize("loss, least", [("ape", 3), ("sigmoid", 5)])
def test_cells_are_faster_than_tiles(loss, least):
    batch = benchmark.draw_batch(500, 100_000, "early")
    logits = batch.logits.requires_grad_()

    def run():
        if loss == "ape":
            functional.ape_loss(logits, batch.labels, batch.ious).backward()
        else:
            functional.pairwise_error_loss(logits, batch.labels, distance=loss).backward()

    def by_tiles():
        with mock.patch("rankdet.losses.sigmoid_pairs.MANY", 10**12):
            run()

    (cells, tiles), _ = turns.best([run, by_tiles], 3)
    assert tiles >= least * cells
