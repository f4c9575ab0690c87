"""Tables and figures that are written and read again do not change."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rankdet.charts.chart import Chart, Series
from rankdet.charts.svg import chart_svg
from rankdet.errors import InputError
from rankdet.papers.export import write_table
from rankdet.papers.figures import make_figure, with_other_losses, write_figure
from rankdet.papers.findings import with_findings
from rankdet.papers.load import load_spec
from rankdet.papers.match import find_runs
from rankdet.papers.records import figure_record, read_figure, read_table, table_record
from rankdet.papers.spec import RunRequest
from rankdet.papers.table import make_table
from rankdet.repository import PAPERS
from rankdet.results.records import read_study
from tests.report.fake_study import FIGURES, TABLES, make_study


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory):
    return read_study(make_study(tmp_path_factory.mktemp("records")))


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_read_as_it_was_made(study, tmp_path: Path, name: str) -> None:
    table = with_findings(study, make_table(study, load_spec(PAPERS / f"{name}.yaml")))
    write_table(table, tmp_path)
    assert read_table(tmp_path / "table.json") == table
    assert "NaN" not in (tmp_path / "table.json").read_text()


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_read_and_drawn_as_it_was_made(study, tmp_path: Path, name: str) -> None:
    spec = load_spec(PAPERS / f"{name}.yaml")
    if spec.paper == "ape":  # the study has no run of APE Loss: draw that of AP Loss
        rows = tuple(replace(row, run={**row.run, "loss": "ap"}) for row in spec.rows)
        spec = replace(spec, rows=rows)
    figure = make_figure(study, spec)
    write_figure(figure, tmp_path)
    found = read_figure(tmp_path / "figure.json")
    assert found.table == figure.table
    assert [d.stem for d in found.drawings] == [d.stem for d in figure.drawings]
    for made, read in zip(figure.drawings, found.drawings, strict=True):
        assert made.charts
        for one, other in zip(made.charts, read.charts, strict=True):
            assert chart_svg(one, "x") == chart_svg(other, "x")


def test_undefined_values_are_null(study, tmp_path: Path) -> None:
    table = make_table(study, load_spec(PAPERS / "alrp" / "table2.yaml"))
    (block,) = table.blocks
    row = block.rows[0]
    cell = replace(row.cells[0], ours=float("nan"))
    rows = (replace(row, cells=(cell, *row.cells[1:])), *block.rows[1:])
    write_table(replace(table, blocks=(replace(block, rows=rows),)), tmp_path)
    assert read_table(tmp_path / "table.json").blocks[0].rows[0].cells[0].ours is None


@pytest.mark.parametrize("log", [False, True])
def test_a_long_curve_is_stored_as_it_is_drawn(log: bool) -> None:
    x = np.arange(5000, dtype=float)
    y = np.where(x % 7 == 0, np.nan, np.exp(np.sin(x / 300)))
    y[1234] = 40.0  # the axis includes the largest value, also after averaging
    series = (Series("band", x, y, y / 2, y * 2), Series("short", x[:9], x[:9] + 1, dots=True))
    chart = Chart("c", "alt", "x", "y", series, log=log, y_format="rate" if log else "number")
    record = json.loads(json.dumps(chart.record(), allow_nan=False))
    assert len(record["series"][0]["x"]) == 300 and len(chart.data()) == 5009
    assert chart_svg(Chart.from_record(record), "p") == chart_svg(chart, "p")
    gaps = Series("gaps", x[:4], np.array([1.0, np.nan, 2.0, 3.0]), x[:4], x[:4] + 2)
    chart = replace(chart, series=(gaps,))
    again = Chart.from_record(json.loads(json.dumps(chart.record(), allow_nan=False)))
    assert np.isnan(again.series[0].y[1]) and chart_svg(again, "p") == chart_svg(chart, "p")


def test_no_markup_of_a_file_gets_into_a_drawing(study, tmp_path: Path) -> None:
    record = figure_record(make_figure(study, load_spec(PAPERS / "alrp" / "figureA5.yaml")))
    path = tmp_path / "figure.json"
    (chart, *_) = record["drawings"][0]["charts"]
    for place, key, value in (
        (chart["boxes"][0], "width", '1"><script>alert(1)</script>'),
        (chart["labels"][0], "x", "<script>"),
        (chart, "height", '9"><script>'),
        (chart, "y_format", "<b>"),
    ):
        old, place[key] = place[key], value
        path.write_text(json.dumps(record))
        with pytest.raises(InputError, match="incomplete record"):
            read_figure(path)
        place[key] = old
    chart["labels"][0]["text"] = "<script>alert(1)</script>"
    path.write_text(json.dumps(record))
    drawn = chart_svg(read_figure(path).drawings[0].charts[0], "x")
    assert "<script>" not in drawn and "&lt;script&gt;" in drawn


def test_the_schema_is_checked(study, tmp_path: Path) -> None:
    table = table_record(make_table(study, load_spec(PAPERS / "alrp" / "table2.yaml")))
    figure = figure_record(make_figure(study, load_spec(PAPERS / "alrp" / "figure4.yaml")))
    path = tmp_path / "record.json"
    for read, record, message in (
        (read_table, {**table, "schema": "rankdet.table/2"}, r"expected 'rankdet\.table/1'"),
        (read_table, figure, r"expected 'rankdet\.table/1'"),
        (read_figure, table, r"expected 'rankdet\.figure/1'"),
        (read_figure, {**figure, "table": {**table, "schema": "x"}}, "its table has schema 'x'"),
        (read_table, {**table, "blocks": [{}]}, "incomplete record .*'dataset'.*run again"),
        (read_figure, {**figure, "drawings": [{"charts": [{}]}]}, "incomplete record"),
    ):
        path.write_text(json.dumps(record))
        with pytest.raises(InputError, match=message):
            read(path)
    with pytest.raises(InputError, match="is missing"):
        read_table(tmp_path / "nothing.json")


def test_the_same_loss_of_two_models_makes_two_rows(study) -> None:
    spec = load_spec(PAPERS / "alrp" / "figure4.yaml")
    first = spec.rows[0]
    two = replace(first, key="ATSS", run={**first.run, "detector": "atss"})
    rows = with_other_losses(study, replace(spec, rows=(*spec.rows, two))).rows
    keys = [row.key for row in rows]
    assert len(set(keys)) == len(keys) and {"ap", "atss, ap"} <= set(keys)
    assert find_runs(study, "shapes", RunRequest("atss", "ap"))


@pytest.fixture(scope="module")
def kept(study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a `table.json` and a `figure.json`."""
    folder = tmp_path_factory.mktemp("kept")
    write_table(make_table(study, load_spec(PAPERS / "alrp" / "table2.yaml")), folder)
    write_figure(make_figure(study, load_spec(PAPERS / "alrp" / "figure4.yaml")), folder)
    return folder


def refused(kept: Path, folder: Path, name: str, path: list, value: object) -> str:
    """Returns the message for a record with another value at a place."""
    record = json.loads((kept / name).read_text())
    inner = record
    for key in path[:-1]:
        inner = inner[key]
    assert inner[path[-1]] != value
    inner[path[-1]] = value
    (folder / name).write_text(json.dumps(record))
    read = {"table.json": read_table, "figure.json": read_figure}[name]
    with pytest.raises(InputError, match=f"{name}: incomplete record") as caught:
        read(folder / name)
    assert "\n" not in str(caught.value)
    return str(caught.value)


CELL = ["blocks", 0, "rows", 0, "cells", "AP"]
SERIES = ["drawings", 0, "charts", 0, "series", 0]


@pytest.mark.fault("value of another kind in the record of a table or a figure")
@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ([*CELL, "ours"], "[b]", "blocks.0.rows.0.cells.0.ours: "),
        ([*CELL, "published"], "35.5", "cells.0.published: "),
        ([*CELL, "best"], "yes", "cells.0.best: "),
        (["published"], [], "published: "),
        (["title"], 3, "title: "),
        (["columns", 0, "decimals"], 2**31, "decimals: 2147483648 is not a number from 0 to 10"),
        (["columns", 0, "decimals"], 1.5, "decimals: "),
        (["blocks", 0, "rows", 0, "runs"], [1], "runs.0: "),
        (["blocks", 0, "rows", 0, "row"], "gone", "gone"),
    ],
)
def test_a_damaged_table_is_named(kept, tmp_path, path, value, message) -> None:
    assert message in refused(kept, tmp_path, "table.json", path, value)


@pytest.mark.fault("value of another kind in the record of a table or a figure")
@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ([*SERIES, "x"], [1.0], "not lists of one length"),
        ([*SERIES, "y"], None, "not lists of one length"),
        ([*SERIES, "y"], [[1.0]], "not lists of one length"),
        ([*SERIES, "name"], 3, "name is 3, no str"),
        ([*SERIES, "dots"], "no", "dots is 'no', no bool"),
        ([*SERIES[:4], "x_limits"], [1, 2, 3], "too many values"),
        ([*SERIES[:4], "alt"], None, "alt is None, no str"),
        (["drawings", 0, "stem"], [], "stem of a drawing is not a text"),
        (["table", "scale"], 7, "scale: "),
    ],
)
def test_a_damaged_figure_is_named(kept, tmp_path, path, value, message) -> None:
    assert message in refused(kept, tmp_path, "figure.json", path, value)


@pytest.mark.fault("values in a chart whose difference or ratio is infinite")
@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize(
    "ends", [(1e-320, 1.0), (1e-320, 1e308), (1e308, 1e308), (-1e308, 1e308), (1e17, 1e17)]
)
def test_a_chart_of_extreme_values_is_drawn(ends: tuple[float, float], log: bool) -> None:
    values = np.array(ends)
    drawn = chart_svg(Chart("c", "a", "x", "y", (Series("s", np.arange(2.0), values),), log), "p")
    assert "nan" not in drawn and "inf" not in drawn
