"""Draws of large data: exact oLRP of few bins, and influences of images in place of exact draws."""

from dataclasses import replace

import numpy as np
import pytest

from rankdet.evaluation.benchmark import make_case
from rankdet.evaluation.coco.loading import load_detections, load_ground_truth
from rankdet.evaluation.intervals import image_weights, paired_bootstrap
from rankdet.evaluation.metrics import control, lrp_draws
from rankdet.evaluation.metrics.bootstrap import drawn, resampled
from rankdet.evaluation.metrics.coefficients import weighted_correlations
from rankdet.evaluation.metrics.influence import ap_influence, correlation_influence
from rankdet.evaluation.metrics.matching import match
from rankdet.evaluation.metrics.olrp import lrp_curve, optimum

FAMILIES = ("ap", "correlation")


def matches_of(folder, images, detections, classes, seed=0):
    truth_path, path = make_case(folder, images, detections, seed, classes)
    truth = load_ground_truth(truth_path)
    return match(truth, load_detections(path, truth))


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Matches with the weights of 600 draws, the first of which are ones."""
    matches = matches_of(tmp_path_factory.mktemp("large"), 2000, 60_000, 20)
    draws = image_weights(2000, 600, np.random.default_rng(0))
    return matches, np.vstack([np.ones((1, 2000), draws.dtype), draws])


@pytest.mark.parametrize("size", [1, 7, 64])
def test_olrp_is_the_minimum_over_all_detections(tmp_path, monkeypatch, size):
    monkeypatch.setattr(lrp_draws, "BIN", size)
    matches = matches_of(tmp_path, 60, 4000, 4)
    # Also weights with few images, so that classes lose all objects, all hits, or everything.
    draws = np.vstack([np.ones(60, int), np.eye(60, dtype=int), np.zeros((1, 60), int)])
    draws = np.vstack([draws, np.random.default_rng(0).poisson(1, (200, 60))])
    rows = []
    for one in matches.per_class():
        image = np.searchsorted(matches.image_ids, one.detections["image_id"])
        truth = np.searchsorted(matches.image_ids, one.ground_truth["image_id"])
        truth = truth[~one.ground_truth["ignored_all"]]
        curve = lrp_curve(one, draws[:, image].astype(float), draws[:, truth].sum(axis=1) * 1.0)
        rows.append(optimum(curve)[:, :4])
    table = np.stack(rows)
    known = ~np.isnan(table)
    with np.errstate(invalid="ignore"):
        expected = np.where(known, table, 0).sum(axis=0) / known.sum(axis=0)
    found = resampled(matches, draws, ["olrp"])
    for i, (name, values) in enumerate(found.items()):
        np.testing.assert_allclose(values, expected[:, i], rtol=0, atol=1e-12, err_msg=name)


def test_spread_and_shift_of_large_data_are_those_of_exact_draws(large, monkeypatch):
    matches, rows = large
    exact = resampled(matches, rows, FAMILIES)
    assert not control.is_large(matches, 600)
    monkeypatch.setattr(control, "is_large", lambda *_: True)
    found = drawn(matches, rows, FAMILIES)
    assert found.keys() == exact.keys()
    for name, values in found.items():
        first = 1 + (control.EXACT_POOLED if "pooled" in name else control.EXACT)
        np.testing.assert_allclose(values[:first], exact[name][:first], atol=1e-12, err_msg=name)
        assert np.corrcoef(values[first:], exact[name][first:])[0, 1] > 0.85, name
        error = exact[name][1:].std()
        assert values[1:].std() == pytest.approx(error, rel=0.04), name
        assert values[1:].mean() == pytest.approx(exact[name][1:].mean(), abs=0.06 * error), name


def test_the_difference_of_two_runs_of_large_data_is_that_of_exact_draws(tmp_path, monkeypatch):
    a = matches_of(tmp_path, 800, 20_000, 5)
    scores = a.detections["score"] + np.random.default_rng(0).normal(0, 0.1, len(a.detections))
    detections = a.detections.assign(score=scores)
    b = replace(a, detections=detections)
    exact = paired_bootstrap(a, b, np.random.default_rng(1), 600, FAMILIES)
    monkeypatch.setattr(control, "is_large", lambda *_: True)
    found = paired_bootstrap(a, b, np.random.default_rng(1), 600, FAMILIES)
    for name, one in exact.items():
        assert found[name].value == pytest.approx(one.value, abs=1e-12)
        width = one.high - one.low
        assert found[name].high - found[name].low == pytest.approx(width, rel=0.1), name
        assert found[name].low == pytest.approx(one.low, abs=0.1 * width), name


def test_only_many_images_objects_and_draws_are_large(large, monkeypatch):
    matches, _ = large
    monkeypatch.setattr(control, "IMAGES", 2000)
    monkeypatch.setattr(control, "OBJECTS", 14_000)
    assert control.is_large(matches, 201) and not control.is_large(matches, 200)
    monkeypatch.setattr(control, "IMAGES", 2001)
    assert not control.is_large(matches, 201)
    monkeypatch.setattr(control, "IMAGES", 2000)
    monkeypatch.setattr(control, "OBJECTS", 15_000)
    assert not control.is_large(matches, 201)


def test_influences_on_ap_sum_to_nothing(large):
    # Twice the weight of all images changes nothing.
    influence = ap_influence(large[0])
    assert influence.shape == (11, 2000)
    np.testing.assert_allclose(influence.sum(axis=1), 0, atol=1e-9)
    np.testing.assert_allclose(influence[0], influence[1:].mean(axis=0), atol=1e-15)


@pytest.mark.parametrize("ties", [False, True])
def test_influences_on_correlations_are_derivatives(ties):
    rng = np.random.default_rng(0)
    x = rng.normal(size=300)
    y = x + rng.normal(size=300)
    if ties:
        x, y = x.round(1), y.round(1)
    owner = rng.integers(0, 50, 300)
    many = 1000 + np.c_[np.eye(50), -np.eye(50)]
    up, down = np.split(weighted_correlations(x, y, many, owner)[:2], 2, axis=1)
    found = correlation_influence(x, y, owner, 50)
    np.testing.assert_allclose(found, (up - down) / 2 * 1000, atol=1e-8)
    assert np.isnan(correlation_influence(x, np.ones(300), owner, 50)).all()


def test_a_linear_metric_has_its_exact_draws():
    rng = np.random.default_rng(0)
    linear = rng.normal(size=500)
    exact = 0.3 + 2 * linear
    np.testing.assert_allclose(control.completed(exact[:100], linear), exact, atol=1e-12)


def test_what_is_not_linear_keeps_its_spread():
    rng = np.random.default_rng(0)
    linear, noise = rng.normal(size=(2, 20_000))
    exact = 1.5 + 0.1 * linear + 0.1 * noise
    found = control.completed(exact[:2000], linear)
    assert found.std() == pytest.approx(0.1 * np.sqrt(2), rel=0.03)
    assert found.mean() == pytest.approx(1.5, abs=0.01)


@pytest.mark.parametrize("edge", [np.nan, 0.0, 1.0, -1.0])
def test_an_undefined_or_extreme_draw_stays_so(edge):
    exact = np.r_[edge, np.full(9, 0.5)]
    found = control.completed(exact, np.arange(30.0))
    np.testing.assert_array_equal(found, np.tile(exact, 3))
