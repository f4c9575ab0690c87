"""Looks of losses: stable, distinct, and the same for all series of a loss."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from rankdet.charts.chart import Chart, Series
from rankdet.charts.colours import COLOURS, GREYS, colour, dashes
from rankdet.charts.looks import assigned_looks, with_look, with_looks
from rankdet.charts.svg import chart_svg

SHIPPED = ["ce", "focal", "ap", "alrp", "rs", "ape", "dr", "ghm", "ndcg", "pairwise", "qfl", "vfl"]
MANY = [f"own{at}" for at in range(40)]


def chart(*names: str, **changes: object) -> Chart:
    x = np.array([0.0, 1.0])
    made = Chart("c", "alt", "x", "y", tuple(Series(name, x, x) for name in names))
    return replace(made, **changes)


@pytest.mark.parametrize("names", [SHIPPED, MANY])
def test_looks_are_distinct(names: list[str]) -> None:
    found = assigned_looks(names)
    assert len({(colour(one), dashes(one)) for one in found.values()}) == len(names)
    assert len({colour(found[name]) for name in names[:8]}) == 8
    assert len({dashes(found[name]) for name in names[:5]}) == 5


def test_a_further_loss_changes_no_look_before_it_and_few_behind_it() -> None:
    changed, count = 0, 0
    for new in SHIPPED:
        for others in combinations([name for name in SHIPPED if name != new], 5):
            before = assigned_looks(others)
            assert {**assigned_looks([*others, new]), new: 0} == {**before, new: 0}
            after = assigned_looks([new, *others])
            changed += sum(colour(after[name]) != colour(before[name]) for name in others)
            count += len(others)
    # In the order of the plan, each loss behind a new first one would change.
    assert changed < 0.3 * count


def test_series_of_one_loss_have_its_colour_and_other_dashes() -> None:
    drawn = with_looks(
        chart("AP", "AP, slow", "other", "aLRP"), {"AP": 3, "AP, slow": 3, "aLRP": 0}
    )
    first, slow, other, alrp = (one.look for one in drawn.series)
    assert (first, alrp) == (3, 0) and colour(slow) == colour(first)
    assert dashes(slow) != dashes(first)
    assert colour(other) not in (colour(first), colour(alrp))


def test_a_chart_without_losses_keeps_the_colours_of_its_legend() -> None:
    plain = chart("classification", "localisation")
    assert with_looks(plain, {"AP": 3}) is plain
    assert [plain.look(one) for one in plain.series] == [0, 1]


def test_what_is_drawn_has_the_look() -> None:
    svg = chart_svg(with_looks(chart("AP", "aLRP"), {"AP": 5, "aLRP": 2}), "x")
    for name, place, look in (("AP", 0, 5), ("aLRP", 1, 2)):
        group = svg.split(f'data-series="{place}" data-name="{name}">')[1].split("</g>")[0]
        assert f'stroke="{COLOURS[look]}"' in group
        key = svg.split(f'<g class="key" data-series="{place}">')[1].split("</g>")[0]
        assert f'stroke="{COLOURS[look]}"' in key


def test_beside_a_run_are_greys() -> None:
    drawn = with_look(chart("best", "this run", "worst"), 4)
    assert [colour(one.look) for one in drawn.series] == [GREYS[0], COLOURS[4], GREYS[1]]
    assert with_look(chart("total", "part"), 4).series[0].look == 4
    panels = replace(drawn, series=tuple(replace(s, panel=s.name) for s in drawn.series))
    assert [one.look for one in with_look(panels, 4).series] == [4, 4, 4]


def test_a_stored_chart_keeps_its_looks() -> None:
    drawn = with_looks(chart("AP", "aLRP"), {"AP": 5, "aLRP": 2})
    record = drawn.record()
    assert [one.look for one in Chart.from_record(record).series] == [5, 2]
    for one in record["series"]:
        one.pop("look")
    assert [one.look for one in Chart.from_record(record).series] == [None, None]
    record["series"][0]["look"] = "red"
    with pytest.raises(TypeError, match="look is 'red'"):
        Chart.from_record(record)
