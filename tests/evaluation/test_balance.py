"""Gradient balance and imbalance ratios from training records."""

import numpy as np
import pandas as pd
import pytest

from rankdet.evaluation.metrics.gradient_balance import (
    band,
    gradient_rates,
    imbalance,
    rate_summary,
)


def record(positive, negative, iterations=None):
    iterations = range(1, len(positive) + 1) if iterations is None else iterations
    return pd.DataFrame({"iteration": iterations, "grad_pos": positive, "grad_neg": negative})


def test_rates_and_their_extremes():
    rates = gradient_rates(record([1.0, 2.0, 4.0], [2.0, 1.0, 4.0]))
    assert rates.tolist() == [2.0, 0.5, 1.0]
    assert rate_summary(rates) == {
        "min_rate": 0.5,
        "max_rate": 2.0,
        "min_rate_inverse": 2.0,
        "iterations": 3,
    }


def test_iterations_without_positive_gradient_have_no_rate():
    rates = gradient_rates(record([0.0, 2.0], [3.0, 0.0]))
    assert np.isnan(rates.iloc[0]) and rates.iloc[1] == 0
    assert rate_summary(rates)["min_rate_inverse"] is None
    empty = rate_summary(gradient_rates(record([0.0], [1.0])))
    assert empty == {"min_rate": None, "max_rate": None, "min_rate_inverse": None, "iterations": 0}


def test_the_last_record_of_a_repeated_iteration_is_used():
    rates = gradient_rates(record([1.0, 1.0, 1.0], [9.0, 5.0, 7.0], [2, 1, 2]))
    assert rates.to_dict() == {1: 5.0, 2: 7.0}


def test_band_is_over_the_runs_that_have_a_value():
    a = pd.Series([1.0, 2.0], index=[1, 2])
    b = pd.Series([3.0, np.nan, 5.0], index=[1, 2, 3])
    frame = band([a, b])
    assert frame.loc[1].tolist() == [2.0, 1.0, 3.0]
    assert frame.loc[2].tolist() == [2.0, 2.0, 2.0]
    assert frame.loc[3].tolist() == [5.0, 5.0, 5.0]


def test_imbalance_by_hand():
    # 2 positives, 6 negatives, 80 classes: (2 * 79 + 6 * 80) / 2 = 319; then 1 and 8: 719.
    found = imbalance(pd.Series([2, 1, 0]), pd.Series([6, 8, 9]), 80)
    assert found == {"instances": pytest.approx((3 + 8) / 2), "tasks": pytest.approx(519)}
    assert imbalance(pd.Series([1]), pd.Series([8]), 80)["tasks"] == 719
    assert imbalance(pd.Series([0]), pd.Series([8]), 80) == {"instances": None, "tasks": None}


def test_gradient_rates_of_one_head():
    frame = record([1.0, 2.0], [4.0, 4.0])
    frame["rpn_grad_pos"], frame["rpn_grad_neg"] = [1.0, 0.0], [3.0, 1.0]
    assert gradient_rates(frame).tolist() == [4.0, 2.0]
    assert gradient_rates(frame, "rpn_").tolist()[0] == 3.0
    assert np.isnan(gradient_rates(frame, "rpn_").iloc[1])
