"""Speed and memory of the losses, as asserted ratios: `pytest tests/bench/bench_losses.py`.

It takes minutes because the loops are slow. pytest collects it only if the file is named.
"""

from unittest import mock

import pytest
import torch

from rankdet.losses import benchmark, functional

LEAST_RATIO = {(500, 100_000): 15, (2000, 400_000): 20, (2000, 1_200_000): 20}


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
    least = 10 if loss == "rank_sort" else LEAST_RATIO[size]
    assert min(ratios) >= 8, ratios
    assert benchmark.geometric_mean(ratios) >= least, ratios
    assert all(row["bytes_per_logit"] is None or row["bytes_per_logit"] <= 40 for row in rows)


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
    own = benchmark.seconds(lambda: benchmark.ours("ape", batch), 2)
    assert own <= benchmark.seconds(lambda: benchmark.looped("ape", batch), 2)


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

    by_cells = benchmark.seconds(run, 3)
    with mock.patch("rankdet.losses.sigmoid_pairs.MANY", 10**12):
        assert benchmark.seconds(run, 3) >= least * by_cells
