"""Tables of the paper pages show only what differs, and many curves are small multiples."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rankdet.charts.chart import Chart, Series
from rankdet.papers.load import load_spec
from rankdet.papers.table_model import Block, Cell, TableRow
from rankdet.report.charts.small_multiples import TOGETHER, small_multiples
from rankdet.report.paper_page import paper_sections
from rankdet.report.paper_table import BOTH, DIFFERENCE, OURS, PUBLISHED, labels_of, lines_of
from rankdet.repository import PAPERS
from rankdet.results.records import read_study
from tests.report.fake_study import with_plan

SPEC = load_spec(PAPERS / "alrp" / "figure1b.yaml")


def row(ours: float | None, published: float | None, reason: str | None = None) -> TableRow:
    """A row whose cells have the same values."""
    cells = tuple(Cell(ours, published=published) for _ in SPEC.columns)
    return TableRow(SPEC.rows[0], cells, (), reason)


@pytest.mark.parametrize(
    ("made", "lines"),
    [
        (row(0.514, 0.51), (BOTH,)),  # equal as printed
        (row(0.53, 0.51), (OURS, PUBLISHED, DIFFERENCE)),
        (row(0.53, None), (OURS,)),
        (row(None, 0.51, "not run yet"), (OURS, PUBLISHED)),
        (row(None, None, "not run yet"), (OURS,)),
    ],
)
def test_a_row_has_the_lines_that_say_something(made: TableRow, lines: tuple[str, ...]) -> None:
    assert lines_of(SPEC, made) == lines


def test_equal_values_with_an_uncertainty_keep_both_lines() -> None:
    made = row(0.51, 0.51)
    first = replace(made.cells[0], interval=0.2)
    assert lines_of(SPEC, replace(made, cells=(first, *made.cells[1:]))) == (OURS, PUBLISHED)


def test_a_value_that_only_one_side_has_is_not_lost() -> None:
    made = row(0.51, 0.51)
    first = replace(made.cells[0], published=None)
    assert lines_of(SPEC, replace(made, cells=(first, *made.cells[1:]))) == (OURS, PUBLISHED)


def test_times_of_a_processor_have_no_difference() -> None:
    assert lines_of(SPEC, row(0.53, 0.51), comparable=False) == (OURS, PUBLISHED)


def test_labels_that_all_rows_share_are_said_once() -> None:
    spec = load_spec(PAPERS / "alrp" / "table2.yaml")
    every = tuple(TableRow(one, (), (), None) for one in spec.rows)
    whole = labels_of(spec, Block("d", "d", "val", None, every))
    one = labels_of(spec, Block("d", "d", "val", None, every[:1]))
    assert len(one.shown) == 1 and one.shown[0] == spec.label_names[0]
    assert set(whole.shown) <= set(spec.label_names)
    for name in whole.shown:
        assert len({r.row.labels.get(name, "") for r in every}) > 1
    assert {n for n, _ in one.constant} <= set(spec.label_names[1:])


def test_the_published_times_stand_alone_beside_a_processor(
    fake_plan: Path, tmp_path: Path
) -> None:
    paper = {"id": "alrp/timings", "spec": "analysis/papers/alrp/timings.yaml"}
    study = read_study(fake_plan)
    entry = study.plan.tables[0].model_copy(update=paper)
    (section,) = paper_sections(with_plan(study, tables=[entry], figures=[]), tmp_path)["alrp"]
    assert not section.comparable
    lines = [section.lines(one) for one in section.table.blocks[0].rows if one.reason is None]
    assert lines and all(DIFFERENCE not in one for one in lines)


def chart(count: int, **changes: object) -> Chart:
    x = np.array([0.0, 1.0])
    every = tuple(Series(f"loss {i}", x, x * i) for i in range(count))
    return replace(Chart("c", "alt", "x", "y", every), **changes)


def test_many_curves_have_a_panel_each() -> None:
    few = chart(TOGETHER)
    assert small_multiples(few) is few
    many = small_multiples(chart(TOGETHER + 1))
    assert list(many.panels) == [f"loss {i}" for i in range(TOGETHER + 1)]
    assert not many.needs_legend and many.x_range() == chart(TOGETHER + 1).x_range()
    rows = chart(TOGETHER + 1, rows=tuple("abcdefg"))
    assert small_multiples(rows) is rows
