"""How claims are counted, and how their numbers are printed."""

from collections import Counter
from dataclasses import replace

import pytest

from rankdet.papers.claims import Claim
from rankdet.papers.gains import column_of, gain
from rankdet.papers.load import load_spec
from rankdet.papers.spec import Spec
from rankdet.papers.statements import counted, statements
from rankdet.papers.table_model import Block, Cell, Finding, Table, TableRow
from rankdet.papers.verdicts import DIRECTION, FAILS, HOLDS, MISSING, UNDECIDED
from rankdet.repository import PAPERS

LOSSES = load_spec(PAPERS / "claims" / "losses.yaml")
TABLE2 = load_spec(PAPERS / "alrp" / "table2.yaml")
FIGURE4 = load_spec(PAPERS / "alrp" / "figure4.yaml")
GRADIENTS = load_spec(PAPERS / "claims" / "figure_gradients.yaml")


def table(spec: Spec, verdict: str, dataset: str = "shapes", detector: str = "retinanet") -> Table:
    """A table whose rows show runs named after their losses, with one verdict for all claims."""
    rows = []
    for row in spec.rows:
        request = row.request()
        runs = (f"{dataset}/{detector}/{request.loss}/seed1",) if request else ()
        rows.append(TableRow(row, (Cell(),) * len(spec.columns), runs, None))
    found = tuple(Finding(claim, claim.column, 1, verdict) for claim in spec.claims)
    return Table(spec, "", (Block(dataset, dataset, "val", None, tuple(rows), found),))


def sides(*verdicts: str, **more: str) -> list[Finding]:
    claim = Claim("t", "s", "AP", "a", "b", statement="balanced")
    return [Finding(claim, "AP", 1, verdict, **more) for verdict in verdicts]


@pytest.mark.parametrize(
    ("verdicts", "weakest"),
    [
        ((HOLDS, HOLDS), HOLDS),
        ((HOLDS, DIRECTION), DIRECTION),
        ((UNDECIDED, HOLDS), UNDECIDED),
        ((UNDECIDED, MISSING), MISSING),
        ((MISSING, FAILS), FAILS),  # one refuted side refutes the statement
    ],
)
def test_a_statement_is_as_strong_as_its_weakest_side(verdicts, weakest) -> None:
    (one,) = statements(sides(*verdicts))
    assert (one.text, one.weakest.verdict, len(one.findings)) == ("balanced", weakest, 2)


def test_a_smaller_side_is_weaker_than_one_that_holds() -> None:
    small = sides(HOLDS, size_verdict="smaller than published")
    (one,) = statements([*sides(HOLDS, size_verdict="larger than published"), *small])
    assert one.weakest.size_verdict == "smaller than published"


def test_claims_without_a_statement_stay_apart_even_with_equal_texts() -> None:
    plain = [replace(one, claim=replace(one.claim, statement="")) for one in sides(HOLDS, FAILS)]
    assert [one.weakest.verdict for one in statements(plain)] == [HOLDS, FAILS]


def test_the_same_claim_of_two_tables_is_counted_once() -> None:
    alone = {spec.id: len(counted([table(spec, HOLDS)])) for spec in (TABLE2, LOSSES)}
    both = counted([table(TABLE2, HOLDS), table(LOSSES, UNDECIDED)])
    again = {one.place.statement.text: one for one in both if one.also}
    assert set(again) == {
        "aLRP Loss has a lower oLRP than AP Loss",
        "aLRP Loss correlates score and IoU better than AP Loss",
    }
    assert len(both) == sum(alone.values()) - len(again)
    for one in again.values():  # the verdict is that of the first table
        assert one.place.table.spec is TABLE2 and one.place.statement.weakest.verdict == HOLDS
        assert [place.table.spec for place in one.also] == [LOSSES]


def test_both_rates_of_two_figures_are_one_claim() -> None:
    assert len(FIGURE4.claims) == 2 and len(counted([table(FIGURE4, HOLDS)])) == 1
    found = counted([table(FIGURE4, HOLDS), table(GRADIENTS, HOLDS)])
    balanced = [one for one in found if "are balanced" in one.place.statement.text]
    assert Counter(len(one.also) for one in balanced) == {1: 1, 0: 2}  # aLRP; AP and RS Loss


def test_other_data_or_runs_are_other_claims() -> None:
    first = table(TABLE2, HOLDS)
    every = len(TABLE2.claims)
    assert len(counted([first, table(TABLE2, HOLDS, dataset="crowded")])) == 2 * every
    assert len(counted([first, table(TABLE2, HOLDS, detector="retinanet@long")])) == 2 * every
    assert len(counted([first, first])) == every


def test_a_table_with_an_answer_counts_before_one_without() -> None:
    found = counted([table(TABLE2, MISSING), table(LOSSES, FAILS)])
    (one,) = [one for one in found if "lower oLRP" in one.place.statement.text]
    assert one.place.table.spec is LOSSES and one.place.statement.weakest.verdict == FAILS
    assert [place.table.spec for place in one.also] == [TABLE2]


def finding(column: str, difference: float, spec: Spec = LOSSES, **claimed: float) -> tuple:
    claim = Claim("t", "s", column, "a", "b", **claimed)
    decimals = column_of(Finding(claim, column, 0, HOLDS), spec.columns).decimals
    one = Finding(claim, column, decimals, HOLDS, difference=difference, low=difference - 0.02)
    one = replace(one, high=difference + 0.01, published=difference / 2)
    return gain(one, column_of(one, spec.columns))


def test_plus_is_better_in_points() -> None:
    olrp = finding("oLRP", -2.0, about=1.0, tolerance=0.5)
    assert (olrp.value, olrp.low, olrp.high, olrp.published) == pytest.approx((2, 1.99, 2.02, 1))
    assert olrp.size == "about 1.0 ± 0.5 better"
    rho = finding("ρ", 0.14, at_least=0.05)
    assert (rho.value, rho.low, rho.high) == pytest.approx((14, 12, 15)) and rho.decimals == 1
    assert rho.size == "at least 5.0 better"
    ratio = finding("oLRP", 0.9, ratio=True)
    assert ratio.value == 0.9 and not ratio.signed


def test_a_rate_is_larger_and_not_better() -> None:
    rate = finding("1/min rate", 444.0, GRADIENTS, at_least=0.5)
    assert rate.value == 444.0 and rate.size == "at least 0.500 larger"
