"""Tiles of pairs: they contain every relevant pair once, and none exceeds the tile size."""

from unittest import mock

import pytest
import torch

from rankdet.losses import benchmark
from rankdet.losses.sigmoid_pairs import SigmoidPairs


@pytest.mark.parametrize("window", [4.0, None])
@pytest.mark.parametrize("stage", benchmark.STAGES)
def test_tiles_are_bounded_and_hold_every_pair_that_is_not_saturated(stage, window):
    problem = benchmark.draw_batch(60, 6000, stage)
    pairs = SigmoidPairs(problem.logits, problem.labels, 8.0, 0.5, window)
    size, seen, rows = 4096, torch.zeros(60, dtype=torch.int64), []
    with mock.patch("rankdet.losses.sigmoid_pairs.TILE", size):
        for tile in pairs.tiles():
            count, width = tile.z.shape
            assert count == 1 or count * (width + 60) <= size
            rows += range(tile.rows.start, tile.rows.stop)
            seen[tile.rows] = tile.columns.start + (tile.z > -torch.inf).sum(1)
    assert rows == list(range(60))
    differences = 8.0 * (pairs.negatives - pairs.scores[:, None])
    reach = -torch.inf if window is None else -window
    assert torch.equal(seen, (differences > reach).sum(1))
