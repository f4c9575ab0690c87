"""Random ranking problems with ties, extreme logits and empty classes, for Hypothesis."""

from typing import NamedTuple

import numpy as np
import torch
from hypothesis import strategies as st


class Case(NamedTuple):
    logits: torch.Tensor  # (n,) float32
    labels: torch.Tensor  # (n,) int64
    ious: torch.Tensor  # (P,) float32, some tied
    delta: float
    seed: int


KINDS = ("normal", "tied", "far", "equal", "perfect", "tails")


def make(kind, n_positives, n_negatives, n_ignored, delta, seed):
    """Makes a case; "tied" is on a grid of 1/4: ties, and differences of exactly ±δ."""
    rng = np.random.default_rng(seed)
    labels = np.repeat([1, 0, -1], [n_positives, n_negatives, n_ignored])
    rng.shuffle(labels)
    logits = rng.normal(0, 2, len(labels))
    if kind == "tied":
        logits = np.round(logits * 4) / 4
    elif kind == "far":
        logits = rng.choice([-50.0, -49.5, 0.0, 49.0, 50.0], len(labels))
    elif kind == "equal":
        logits = np.zeros(len(labels))
    elif kind == "perfect":
        logits += np.where(labels == 1, 30, 0)
    elif kind == "tails":
        logits = rng.standard_cauchy(len(labels)).clip(-50, 50)
    ious = np.round(rng.uniform(0.05, 1, n_positives) * 8).clip(1) / 8
    as_tensor = torch.from_numpy
    return Case(
        as_tensor(logits.astype(np.float32)),
        as_tensor(labels),
        as_tensor(ious.astype(np.float32)),
        delta,
        seed,
    )


def cases(min_positives=0):
    return st.builds(
        make,
        kind=st.sampled_from(KINDS),
        n_positives=st.integers(min_positives, 12),
        n_negatives=st.integers(0, 60),
        n_ignored=st.integers(0, 8),
        delta=st.sampled_from([0.0, 0.25, 0.5, 1.0]),
        seed=st.integers(0, 2**32 - 1),
    )


def close(ours, oracle, magnitude=1.0):
    """Asserts the tolerance of the released references: 2e-7 of the largest, and 1e-6 relative.

    float32 is coarser for large logits, so the first part grows with their magnitude.
    """
    ours, oracle = np.asarray(ours, float), np.asarray(oracle, float)
    largest = np.abs(oracle).max(initial=0)
    allowed = 2e-7 * largest * max(1, magnitude / 4) + 1e-6 * np.abs(oracle) + 1e-12
    worst = np.abs(ours - oracle) - allowed
    assert np.all(worst <= 0), f"off by {worst.max():.3g} beyond tolerance, largest {largest:.3g}"
