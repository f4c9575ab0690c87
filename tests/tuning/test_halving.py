"""Successive halving as pure functions: equal work, the best survives, the same each time."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rankdet.errors import InputError
from rankdet.tuning import budget, halving
from rankdet.tuning.halving import Candidate

FACTORS = st.lists(
    st.floats(0.01, 100).map(lambda value: float(f"{value:.3g}")),
    min_size=2,
    max_size=9,
    unique=True,
)
EPOCHS = st.integers(1, 60)
TIMES = st.floats(0.001, 5)


def pace(epochs, iteration, iterations=23):
    return budget.Pace(epochs, iterations, iteration, 0.03, 48, 1.0)


def search(plan, epochs, score):
    """Runs a plan; returns the best candidate and the epochs of each training."""
    going, lengths = list(plan.candidates), []
    for rung in plan.rungs:
        going = going[: rung.candidates]
        assert len(going) == rung.candidates
        lengths += [rung.epochs(epochs)] * len(going)
        going = halving.ranked({one: score(one) for one in going})
    return going[0], lengths


@given(FACTORS, EPOCHS, st.data())
def test_every_loss_gets_the_same_work_and_the_best_survives(factors, epochs, data):
    tried = halving.candidates(factors)
    plan = next(halving.plans(tried, epochs))
    assert {one.factor for one in plan.candidates} == set(factors)
    work = set()
    for _ in range(2):  # two losses with other scores
        scores = {one: data.draw(st.floats(0, 1)) for one in tried}
        best, lengths = search(plan, epochs, scores.__getitem__)
        work.add(tuple(lengths))
        assert scores[best] == max(scores.values())
        assert best.factor == min(f.factor for f in tried if scores[f] == scores[best])
        assert search(plan, epochs, scores.__getitem__) == (best, lengths)
    assert len(work) == 1 and sum(*work) == plan.epochs(epochs)


@given(FACTORS, EPOCHS)
def test_lengths_rise_to_the_whole_schedule_and_candidates_are_halved(factors, epochs):
    tried = halving.candidates(factors)
    rungs = next(halving.plans(tried, epochs)).rungs
    lengths = [rung.epochs(epochs) for rung in rungs]
    assert lengths == sorted(set(lengths)) and lengths[-1] == epochs
    for first, second in pairwise(rungs):
        assert second.share == 2 * first.share
        assert second.candidates == (first.candidates + 1) // 2
    assert rungs[-1].candidates >= 2  # the longest trainings decide; they do not only confirm


@given(
    FACTORS, EPOCHS, st.lists(TIMES, min_size=1, max_size=4), st.integers(1, 4), st.floats(1, 1e5)
)
def test_a_budget_is_kept_or_refused(factors, epochs, times, jobs, seconds):
    made = list(halving.plans(halving.candidates(factors), epochs))
    paces = {f"pair {i}": pace(epochs, time) for i, time in enumerate(times)}
    cost = [budget.seconds(plan, paces.values(), jobs, 2.0) for plan in made]
    if min(cost) > seconds:
        with pytest.raises(InputError, match="one short training of each"):
            budget.fitted(made, paces, jobs, 2.0, seconds)
        return
    plan = budget.fitted(made, paces, jobs, 2.0, seconds)
    assert budget.seconds(plan, paces.values(), jobs, 2.0) <= seconds
    assert all(one > seconds for one in cost[: made.index(plan)])  # nothing better fits


def test_a_smaller_budget_first_drops_the_farthest_rates_then_the_longest_trainings():
    made = list(halving.plans(halving.candidates([0.25, 0.5, 1, 2, 4]), 8))
    shapes = [
        ([one.factor for one in plan.candidates], [(r.candidates, r.epochs(8)) for r in plan.rungs])
        for plan in made
    ]
    assert shapes[0] == ([1, 0.5, 2, 0.25, 4], [(5, 4), (3, 8)])
    assert shapes[1] == ([1, 0.5, 2, 0.25], [(4, 4), (2, 8)])
    assert shapes[2] == ([1, 0.5, 2], [(3, 8)])
    assert shapes[3] == ([1, 0.5, 2, 0.25, 4], [(5, 2), (3, 4)])
    assert shapes[-1] == ([1], [(1, 2)])


def test_the_time_is_that_of_all_trainings_shared_by_the_processes():
    made = list(halving.plans(halving.candidates([0.5, 1, 2, 4]), 4))
    one = [budget.Pace(4, 10, 0.1, 0.5, 2, 3.0)]
    # 4 trainings of 2 epochs and 2 of 4, each with 1 s of inference and 3 s of the rest
    assert budget.seconds(made[0], one, 1, 0.0) == pytest.approx(4 * 6 + 2 * 8)
    assert budget.seconds(made[0], one, 2, 0.0) == pytest.approx(2 * 6 + 8)
    assert budget.seconds(made[0], one, 2, 5.0) == pytest.approx(2 * 6 + 8 + 2 * 5)


def test_clipping_and_warmup_are_tried_with_every_rate():
    tried = halving.candidates([2, 1], [None, 10.0], [0, 40])
    assert len(tried) == 8 and len(set(tried)) == 8
    assert tried[0] == Candidate(1, (("grad_clip", None), ("warmup", 0)))
    assert halving.candidates([2, 1]) == (Candidate(1), Candidate(2))


def test_of_equal_scores_the_lower_rate_is_first_and_an_edge_is_named():
    low, middle, high = (Candidate(factor) for factor in (0.5, 1, 2))
    assert halving.ranked({high: 0.3, middle: 0.3, low: 0.1}) == [middle, high, low]
    tried = [low, middle, high]
    assert [halving.edge(one, tried) for one in tried] == ["lowest", None, "highest"]
    assert halving.edge(low, [low, Candidate(0.5, (("warmup", 3),))]) is None
