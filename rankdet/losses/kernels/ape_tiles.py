"""APE Loss with every pair by Triton kernels: seven launches and a sort, the host never waits."""

import torch
from torch import Tensor

from rankdet.losses.kernels import pair_tiles, positives
from rankdet.losses.kernels.launch import aligned, block_of, cdiv, collected_of, flat_labels

ROWS, COLUMNS = 8, 128  # pairs of a step
STEPS = 4  # steps that are summed in float32
PROGRAMS = 1024  # enough to keep a large GPU busy
MOST_PARTS = 64


def run(
    logits: Tensor,
    labels: Tensor,
    ious: Tensor,
    scale: float,
    window: float,
    max_negatives: int,
    expected: int | None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Launches everything; arguments and result as `ape_loss.run` with official numerics."""
    shape, device = logits.shape, logits.device
    logits, labels = logits.detach().contiguous().reshape(-1), flat_labels(labels)
    ious = ious.detach().float().contiguous()
    n, bound = len(logits), len(ious)
    row_tiles, collectors = cdiv(bound, ROWS), cdiv(n, collected_of(n))
    parts = max(1, min(MOST_PARTS, PROGRAMS // row_tiles))
    real = torch.empty(5 + 3 * parts, aligned(bound), dtype=torch.float64, device=device)
    scores, shares, pulls, losses, counted = real[:5]
    total, places = torch.empty(16 + bound, dtype=torch.int64, device=device).split([16, bound])
    single = torch.empty(2, aligned(bound), device=device)  # scores and shares
    counts = torch.empty(collectors, dtype=torch.int32, device=device)
    values, gradient = torch.empty(n, device=device), torch.zeros(shape, device=device)
    loss = torch.empty((), device=device)
    count = torch.empty((), dtype=torch.float64, device=device)

    collect = {"SOFT": False, "BLOCK": collected_of(n), "num_warps": 8}
    positives.count_positives[(collectors,)](labels, counts, n, **collect)
    positives.collect_positives[(collectors,)](
        *(logits, labels, counts, total, places, scores, scores, places),
        *(n, bound, 0, collectors),
        **collect,
    )
    pair_tiles.keep_negatives[(cdiv(n, block_of(n)),)](
        *(logits, labels, scores, total, values, n, bound, window / scale), BLOCK=block_of(n)
    )
    kept = min(max_negatives, n)
    negatives, origin = values.topk(kept) if kept < n else values.sort(descending=True)
    width = cdiv(cdiv(kept, parts), COLUMNS * STEPS) * COLUMNS * STEPS
    options = {"ROWS": ROWS, "COLUMNS": COLUMNS}
    sums = real[5:]
    pair_tiles.sum_over_negatives[(row_tiles, parts)](
        *(scores, negatives, sums, total, bound, kept, width, scale, window), STEPS=STEPS, **options
    )
    pair_tiles.sum_over_positives[(row_tiles,)](
        *(scores, ious, negatives, sums, shares, pulls, losses, counted, *single, total),
        *(bound, parts, scale, window),
        **options,
    )
    pair_tiles.spread_over_negatives[(cdiv(kept, COLUMNS),)](
        *(*single, negatives, origin, counted, gradient, total),
        *(bound, kept, scale, window),
        STEPS=STEPS,
        **options,
    )
    pair_tiles.spread_over_positives[(row_tiles,)](
        *(scores, ious, places, shares, pulls, losses, counted, gradient, loss, count, total),
        *(bound, -1 if expected is None else expected, scale, window),
        **options,
    )
    return loss, gradient, count
