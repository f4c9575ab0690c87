"""Tiles of pairs: every pair that matters once, and never more at a time than a tile holds."""

from unittest import mock

import pytest
import torch

from rankdet.losses import benchmark
from rankdet.losses.pairs import Pairs


@pytest.mark.parametrize("window", [4.0, None])
@pytest.mark.parametrize("stage", benchmark.STAGES)
def test_tiles_are_bounded_and_hold_every_pair_that_is_not_saturated(stage, window):
    problem = benchmark.make_problem(60, 6000, stage)
    pairs = Pairs(problem.logits, problem.labels, 8.0, 0.5, window)
    size, seen, rows = 4096, torch.zeros(60, dtype=torch.int64), []
    with mock.patch("rankdet.losses.pairs.TILE", size):
        for tile in pairs.tiles():
            count, width = tile.z.shape
            assert count == 1 or count * (width + 60) <= size
            rows += range(tile.rows.start, tile.rows.stop)
            seen[tile.rows] = tile.columns.start + (tile.z > -torch.inf).sum(1)
    assert rows == list(range(60))
    differences = 8.0 * (pairs.negatives - pairs.scores[:, None])
    reach = -torch.inf if window is None else -window
    assert torch.equal(seen, (differences > reach).sum(1))
