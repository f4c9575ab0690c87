"""Intervals contain the true value; comparisons find real differences and no others."""

import numpy as np
import pytest
import scipy.stats

from rankdet.errors import InputError
from rankdet.evaluation.coco.types import Detections, GroundTruth
from rankdet.evaluation.estimates import Estimate, holm
from rankdet.evaluation.intervals import (
    bootstrap_intervals,
    image_weights,
    mean_over_seeds,
    paired_bootstrap,
)
from rankdet.evaluation.metrics.bootstrap import resampled
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
        found += result["oLRP"].significant
    assert found <= 5  # 1.5 expected


def test_a_run_against_itself():
    result = paired_bootstrap(run(1, 3), run(1, 3), np.random.default_rng(0), 50)
    assert all(d.value == 0 and not d.significant and d.p in (1, None) for d in result.values())
    assert result["AP"].p == 1 and result["oLRP"].p == 1
    assert result["AP95"].p is None  # 0 in many draws: no interval


def test_p_value_and_interval_never_contradict_each_other():
    seen = set()
    for seed in range(25):
        a, b = run(seed, 4, data_seed=seed), run(seed + 1000, 3.7, data_seed=seed)
        for found in paired_bootstrap(a, b, np.random.default_rng(seed), 60).values():
            if found.p is not None:
                assert found.significant == (found.p < 0.05)
                seen.add(found.significant)
    assert seen == {True, False}


def test_an_interval_is_centred_at_the_value_without_the_bias_of_the_draws():
    matches, draws = run(1, 4, 30), 80
    drawn = image_weights(30, draws, np.random.default_rng(3))
    (value, *values) = resampled(matches, np.vstack([np.ones((1, 30), int), drawn]))["AP"]
    bias = np.mean(values) - value
    assert bias > 0.002  # repeated images raise AP
    spread = np.sqrt((np.var(values, ddof=1) + bias**2) * 30 / 29)
    low, high = bootstrap_intervals(matches, np.random.default_rng(3), draws)["AP"]
    expected = scipy.stats.t.interval(0.95, 29, value - bias, spread)
    assert (low, high) == pytest.approx(expected)


def test_a_metric_at_its_edge_has_no_interval():
    perfect = bootstrap_intervals(run(1, 0), np.random.default_rng(0), 50)
    assert perfect["AP50"] is None  # 1 in every draw, which says nothing about other images
    weak = bootstrap_intervals(run(1, 9), np.random.default_rng(0), 50)
    assert weak["AP95"] is None and weak["AP50"] is not None
    assert all(ends is None or -1 <= ends[0] <= ends[1] <= 1 for ends in weak.values())


def test_welch_and_t_as_scipy_computes_them():
    a, b = np.array([1.0, 2.0, 4.0]), np.array([0.5, 0.7])
    found, oracle = Estimate.of_difference(a, b), scipy.stats.ttest_ind(a, b, equal_var=False)
    assert found.interval() == pytest.approx(tuple(oracle.confidence_interval(0.95)))
    assert found.p_value() == pytest.approx(oracle.pvalue)
    one = scipy.stats.ttest_1samp(a, 1.5, alternative="greater")
    assert Estimate.of_mean(a).p_above(1.5) == pytest.approx(one.pvalue)
    assert Estimate.of_mean(a).p_below(1.5) == pytest.approx(1 - one.pvalue)
    assert Estimate.of_mean(a).p_below(np.inf) == 0 and Estimate.of_mean(a).p_above(np.inf) == 1
    same = Estimate.of_difference(np.ones(2), np.zeros(3))
    assert same.interval() == (1, 1) and same.p_value() == 0 and same.p_value(1) == 1


def test_holms_correction():
    found = holm([0.01, 0.04, 0.03, 0.005])  # the example of R's p.adjust
    assert [p for p, _ in found] == pytest.approx([0.03, 0.06, 0.06, 0.02])
    rng = np.random.default_rng(0)
    for count in (1, 2, 7):
        for _ in range(50):
            p_values = rng.random(count) ** 4
            for own, (corrected, alpha) in zip(p_values, holm(p_values), strict=True):
                assert corrected >= own
                assert (corrected <= 0.05) == (own <= alpha)  # its interval tells the same
    assert holm([]) == []


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
