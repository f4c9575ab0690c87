"""The list of metrics is complete, and everything that shows a metric reads it."""

import re
import sys

import numpy as np
import pytest

from rankdet.errors import InputError
from rankdet.evaluation import registry
from rankdet.evaluation.evaluate import evaluate_files, registered
from rankdet.evaluation.metric import FAMILIES, HIGHER, LOWER, PLACES, Metric, arrow, best
from rankdet.evaluation.metrics.bootstrap import resampled
from rankdet.evaluation.units import in_digits
from rankdet.repository import ROOT
from tests.evaluation.small_case import fresh_python, small_case

BEGIN, END = "<!-- metrics: begin -->\n\n", "\n<!-- metrics: end -->"


def test_entries_are_unique_and_complete():
    keys = [metric.key for metric in registry.METRICS]
    headers = [metric.header for metric in registry.METRICS]
    assert len(set(keys)) == len(keys) and len(set(headers)) == len(headers)
    for metric in registry.METRICS:
        assert metric.group in registry.GROUPS, metric.key
        assert metric.better in (HIGHER, LOWER, None), metric.key
        assert metric.interval in (*FAMILIES, None), metric.key
        assert set(metric.shown) <= set(PLACES), metric.key
        assert re.fullmatch(r"[A-Z0-9].*\.", metric.meaning), metric.key


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    return small_case(tmp_path_factory.mktemp("case"))


def test_every_value_of_an_evaluation_is_registered(case):
    result = evaluate_files(*case.paths)
    assert set(result["metrics"]) <= set(registry.by_key())
    assert {key for one in result["per_class"].values() for key in one} <= set(registry.by_key())
    found = registry.values(result)
    assert found["AP"] == result["metrics"]["AP"] is not None
    assert found["D_ECE"] == result["calibration"]["D_ECE"] is not None
    assert found["AP_lower"] == result["bounds"]["lower"]["AP"] is not None


def test_intervals_are_those_that_the_bootstrap_draws(case):
    ones = np.ones((1, len(case.matches.image_ids)), dtype=np.int64)
    for family in FAMILIES:
        drawn = set(resampled(case.matches, ones, [family]))
        assert drawn == {m.key for m in registry.METRICS if m.interval == family}


def test_a_mean_over_classes_skips_undefined_ones(case):
    ids = case.matches.category_ids.tolist()

    def by_class(matches):
        return dict.fromkeys(ids) | {ids[0]: 0.25, ids[1]: 0.75}

    def whole(matches):
        return float("nan")

    module = sys.modules[__name__]
    module.by_class, module.whole = by_class, whole
    entries = [
        Metric(name, name, "", "ap", HIGHER, compute=f"{__name__}:{name}")
        for name in ("by_class", "whole")
    ]
    totals, per_class = registered(case.matches, entries)
    assert totals == {"by_class": 0.5, "whole": None}
    assert per_class == {"by_class": by_class(None)}


@pytest.mark.parametrize("name", ["nothing", "rankdet.nothing:f", "rankdet.files:nothing"])
def test_a_wrong_function_is_named(case, name):
    entry = Metric("x", "x", "", "ap", HIGHER, compute=name)
    with pytest.raises(InputError, match=f"metric 'x': '{name}' cannot be imported"):
        registered(case.matches, [entry])


def test_unknown_metrics_of_a_record_are_kept():
    assert registry.values({"metrics": {"AP": 0.5, "new": 1}}) == {"AP": 0.5, "new": 1}
    assert registry.describe("new").better is None
    assert registry.find("new") is None
    masks = registry.find("segm.oLRP")
    assert masks is not None and (masks.header, masks.better) == ("mask oLRP", LOWER)


def test_best_values_include_ties_and_skip_undefined_ones():
    values = {"a": 0.32, "b": 0.3, "c": 0.1, "d": None}
    assert best(values, HIGHER, 1) == {"a", "b"}
    assert best(values, HIGHER, 2) == {"a"}
    assert best(values, LOWER, 1) == {"c"}


def test_a_single_value_or_a_metric_without_direction_has_no_best():
    assert best({"a": 0.3, "b": None}, HIGHER, 1) == set()
    assert best({"a": 0.3, "b": 0.2}, None, 1) == set()


def test_printed_values():
    ap = registry.by_key()["AP"]
    assert (ap.text(0.4126), ap.text(None), ap.text(float("nan"))) == ("41.3", "–", "–")
    assert (ap.arrow, arrow(LOWER), arrow(None)) == ("↑", "↓", "")


@pytest.mark.parametrize(
    ("value", "decimals", "plain", "signed"),
    [
        (-0.04, 1, "0.0", "0.0"),
        (-0.0, 2, "0.00", "0.00"),
        (0.04, 1, "0.0", "0.0"),
        (-0.06, 1, "-0.1", "-0.1"),
        (0.06, 1, "0.1", "+0.1"),
        (0.25, 1, "0.2", "+0.2"),
        (1234.5, 0, "1234", "+1234"),
    ],
)
def test_a_zero_has_no_sign(value, decimals, plain, signed):
    assert in_digits(value, decimals) == plain
    assert in_digits(value, decimals, sign=True) == signed


def test_the_documentation_has_the_registrys_table():
    text = (ROOT / "docs" / "evaluation.md").read_text(encoding="utf-8")
    table = text.partition(BEGIN)[2].partition(END)[0]
    assert table == registry.markdown(), "put the output of registry.markdown() between the marks"


def test_the_registry_is_light():
    code = (
        "import sys, rankdet.evaluation.registry; "
        "print(sorted({'numpy', 'pandas', 'scipy', 'torch'} & set(sys.modules)))"
    )
    assert fresh_python("-c", code).strip() == "[]"
