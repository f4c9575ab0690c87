"""Intervals contain the true value; comparisons find real differences and no others."""

import numpy as np
import pytest
import scipy.stats

from rankdet.errors import InputError
from rankdet.evaluation.coco.types import Detections, GroundTruth
from rankdet.evaluation.intervals import (
    bootstrap_intervals,
    image_weights,
    mean_over_seeds,
    paired_bootstrap,
)
from rankdet.evaluation.metrics.matching import match


def run(seed, shift, images=60, data_seed=0):
    """Returns matches of 3 objects per image; `shift` is the distance of the detections."""
    rng = np.random.default_rng(data_seed)
    count = 3 * images
    corner = np.c_[np.tile([0, 100, 200], images), np.zeros(count)]
    boxes = np.c_[corner, rng.uniform(20, 60, (count, 2))]
    image, category = np.repeat(np.arange(images), 3), rng.integers(0, 2, count)
    truth = GroundTruth(
        image_ids=np.arange(1, images + 1),
        image_sizes=np.full((images, 2), 300),
        category_ids=np.array([1, 2]),
        names={1: "a", 2: "b"},
        frequency={},
        image=image,
        category=category,
        ids=np.arange(1, count + 1),
        boxes=boxes,
        area=boxes[:, 2] * boxes[:, 3],
        crowd=np.zeros(count, dtype=bool),
    )
    rng = np.random.default_rng(seed)
    moved = boxes + rng.normal(0, shift, (count, 4))
    found = Detections(
        position=np.arange(count),
        image=image,
        category=category,
        boxes=moved,
        area=moved[:, 2] * moved[:, 3],
        score=rng.random(count),
    )
    return match(truth, found)


def test_same_seed_same_interval_and_the_global_generator_does_not_change():
    matches = run(1, 3)
    np.random.seed(0)  # noqa: NPY002
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    first = bootstrap_intervals(matches, np.random.default_rng(5), 50)
    assert first == bootstrap_intervals(matches, np.random.default_rng(5), 50)
    assert first != bootstrap_intervals(matches, np.random.default_rng(6), 50)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


def test_draws_keep_the_number_of_images():
    weights = image_weights(17, 9, np.random.default_rng(0))
    assert weights.shape == (9, 17)
    assert (weights.sum(axis=1) == 17).all()
    assert image_weights(0, 3, np.random.default_rng(0)).shape == (3, 0)


def test_intervals_contain_the_value_and_are_narrower_with_more_images():
    rng = np.random.default_rng(0)
    widths = []
    for images in (40, 640):
        intervals = bootstrap_intervals(run(1, 4, images), rng, 200)
        low, high = intervals["AP"]
        assert 0 <= low < high <= 1
        widths.append(high - low)
    assert widths[1] < widths[0] / 2  # a quarter, by 1/sqrt(n)


def test_intervals_have_about_their_nominal_coverage():
    truth = bootstrap_intervals(run(0, 4, 4000), np.random.default_rng(0), 50, ["olrp"])["oLRP"]
    inside = 0
    for seed in range(40):
        sample = run(seed + 100, 4, 60, data_seed=seed)
        low, high = bootstrap_intervals(sample, np.random.default_rng(seed), 200, ["olrp"])["oLRP"]
        inside += low <= np.mean(truth) <= high
    assert inside >= 32  # 38 expected


def test_paired_bootstrap_finds_a_real_difference():
    result = paired_bootstrap(run(1, 6), run(2, 3), np.random.default_rng(0), 200)
    assert result["AP"].value > 0 and result["AP"].significant and result["AP"].p < 0.05
    assert result["oLRP"].value < 0 and result["oLRP"].significant
    back = paired_bootstrap(run(2, 3), run(1, 6), np.random.default_rng(0), 200)
    assert back["AP"].value == -result["AP"].value


def test_paired_bootstrap_rarely_finds_a_difference_between_equal_runs():
    found = 0
    for seed in range(30):
        a, b = run(seed, 4, data_seed=seed), run(seed + 1000, 4, data_seed=seed)
        result = paired_bootstrap(a, b, np.random.default_rng(seed), 200, ["olrp"])
        assert result["oLRP"].significant == (result["oLRP"].p < 0.05) or result["oLRP"].p < 0.06
        found += result["oLRP"].significant
    assert found <= 5  # 1.5 expected


def test_a_run_against_itself():
    result = paired_bootstrap(run(1, 3), run(1, 3), np.random.default_rng(0), 50)
    assert all(d.value == 0 and not d.significant and d.p == 1 for d in result.values())


def test_only_runs_on_the_same_data_are_compared():
    with pytest.raises(InputError, match=r"different images \(60 and 50\)"):
        paired_bootstrap(run(1, 3), run(1, 3, images=50), np.random.default_rng(0))


def test_mean_over_seeds():
    values = [0.31, 0.35, 0.33]
    mean, half = mean_over_seeds(values)
    low, high = scipy.stats.t.interval(0.95, 2, np.mean(values), scipy.stats.sem(values))
    assert (mean - half, mean + half) == pytest.approx((low, high))
    assert mean_over_seeds([0.3]) == (0.3, None)
    assert mean_over_seeds([0.3, None, 0.4]) == (None, None)
    assert mean_over_seeds([]) == (None, None)
