"""Every row's settings, read from the built model, against those of the papers' released code."""

import sys
from collections import Counter

import pytest

from rankdet.commands.plan_settings import compared
from rankdet.papers.released_settings import deviations, released_settings
from rankdet.repository import CONFIG
from rankdet.study.load import load_study

PAPERS = ("alrp", "alrp-rebuttal", "ape", "rs")
MOST_DEVIATIONS = 25


@pytest.fixture(scope="module")
def study():
    return load_study([CONFIG / "coco.yaml"], with_data=False)


@pytest.fixture(scope="module")
def results(study):
    """Returns (table, row, run, comparison) of every setting of every run of every table."""
    names = {fact.table for paper in PAPERS for fact in released_settings(paper)}
    found, built = [], {}
    for table in sorted(names):
        for cell, comparisons in compared(study, table, built):
            found += [(table, cell.row, cell.key, one) for one in comparisons]
    return found


def test_every_setting_is_the_released_one_or_a_listed_deviation(results):
    wrong = Counter(
        f"{table} {one.fact.setting}: ours {one.ours!r}, released {' or '.join(one.fact.released)}"
        for table, row, key, one in results
        if one.outcome in ("differs", "not compared")
    )
    counts = Counter(one.outcome for *_, one in results)
    print(f"{len(results)} settings compared: {dict(counts)}", file=sys.stderr)
    assert not wrong, "\n".join(f"{count} x {what}" for what, count in wrong.most_common(20))
    assert counts["equal"] > 5_000


def test_the_list_of_deviations_is_short_and_used(results):
    reasons = {one.reason for *_, one in results if one.outcome == "listed"}
    assert reasons == {entry.reason for entry in deviations()}
    assert len(deviations()) < MOST_DEVIATIONS


def test_every_table_with_facts_is_compared(results, study):
    named = {fact.table for paper in PAPERS for fact in released_settings(paper)}
    trained = {name for name, spec in {**study.tables, **study.figures}.items() if spec.requests}
    assert named & trained <= {table for table, *_ in results}


def test_another_delta_or_threshold_would_be_noticed(study):
    """The comparison finds a changed run."""
    from rankdet.papers.released_settings import compare, facts_of
    from rankdet.training.built_settings import built_settings

    cell = next(cell for cell, _ in compared(study, "rs/tableS10"))
    card = {**cell.spec["card"], "rpn": {}}
    test = {**cell.spec["test"], "score_threshold": 0.05}
    ours = built_settings({**cell.spec, "card": card, "test": test})
    facts = facts_of("rs/tableS10", cell.row, cell.columns)
    wrong = {
        one.fact.setting
        for one in compare(ours, facts, cell.row, deviations())
        if one.outcome == "differs"
    }
    assert wrong == {"rpn_delta_stds", "score_threshold"}
