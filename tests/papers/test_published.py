"""The specifications and published values of this repository, and faults that are rejected."""

import shutil
from pathlib import Path

import pytest

from rankdet.errors import InputError
from rankdet.papers.folders import load_papers, paper_of, spec_names, spec_paths
from rankdet.papers.load import load_spec, spec_inputs
from rankdet.papers.published import read_published
from rankdet.repository import PAPERS, ROOT

SPECS = spec_paths()


@pytest.mark.parametrize("path", SPECS, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_specifications_are_valid(path) -> None:
    """The loader checks notes, rows, columns and digits: see `test_what_does_not_fit`."""
    spec = load_spec(path)
    assert spec.id == f"{path.parent.name}/{path.stem}" and spec.paper in load_papers()
    assert spec.rows and spec.columns and spec.title
    assert [row.key for row in spec.rows] == list(spec.published or {r.key: 0 for r in spec.rows})


def test_every_file_of_a_paper_is_used() -> None:
    used = {file for path in SPECS for file in spec_inputs(path)}
    used |= {file.with_suffix(".md") for file in used if file.suffix == ".csv"}
    used |= {PAPERS / name / "paper.yaml" for name in load_papers()}
    found = {path for path in PAPERS.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    assert found == used


def test_papers_are_in_the_order_of_their_years() -> None:
    ours = ["alrp", "alrp-rebuttal", "rs", "ape"]
    assert [name for name in load_papers() if name in ours] == ours
    names = spec_names()
    assert names.index("alrp/tableA9") < names.index("alrp/tableA10")
    assert names.index("alrp/figure4") < names.index("alrp/table1") < names.index("alrp/figureA5")
    assert paper_of("rs").short == "RS Loss" and paper_of("gone").title == "gone"


def test_table2_as_printed() -> None:
    values = read_published(ROOT / "analysis/papers/alrp/table2.csv")
    assert list(values) == [
        "AP Loss",
        "aLRP Loss (w IoU)",
        "aLRP Loss (w IoU) + SB",
        "aLRP Loss (w GIoU) + SB",
        "aLRP Loss (w GIoU) + SB + ATSS",
    ]
    # The text states these differences: +1.8 AP by SB, +8.4 in AP90 against AP Loss, +1.3 by ATSS.
    ap = [row["AP"] for row in values.values()]
    assert ap[2] - ap[1] == pytest.approx(1.8) and ap[4] - ap[3] == pytest.approx(1.3)
    assert values["aLRP Loss (w IoU) + SB"]["AP90"] - values["AP Loss"]["AP90"] == pytest.approx(
        8.4
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("method,AP\nx,1\n", "the first column is 'method'"),
        ("", "t.csv: line 1: no names of columns"),
        ("row,AP\nx,1_0\n", "t.csv:2: found '1_0', not a number"),
        ("row,AP\nx,1\nx,2\n", "row 'x' occurs twice"),
        ("row,AP\nx,12..5\n", "t.csv:2: found '12..5', not a number; leave illegible cells empty"),
        ("row,AP\nx,nan\n", "found 'nan', not a number"),
        ("row,AP\nx,1,2\n", "3 cells, expected 2"),
    ],
)
def test_published_values_are_checked(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        read_published(tmp_path / "t.csv")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("title: t\n", "s.yaml: key 'rows' is missing"),
        ("title: [", "not valid YAML"),
        ("- a\n", "found \\[.a.\\]; expected a mapping of keys"),
        ("title: t\nrow: []\nrows: []\n", "unknown key 'row'; did you mean 'rows'"),
        ("title: t\nrows: {}\nnotes: text\n", "notes: found 'text'; expected a list"),
        ("title: t\nrows: [x]\n", "row x: found 'x'; expected a mapping"),
        ("title: t\nrows: [{row: x}, {row: x}]\n", "row 'x' occurs twice"),
        (
            "title: t\nrows: [{row: x}]\ncolumns: [{metric: AP}, {metric: AP}]\n",
            "column 'AP' occurs twice",
        ),
        ("title: t\nrows: [{row: x}]\ncolumns: [{metric: AP, sclae: 1}]\n", "unknown key 'sclae'"),
        (
            "title: t\nrows: [{row: x}]\ncolumns: [{metric: AP, decimals: one}]\n",
            "decimals: found 'one'; it should be a valid integer",
        ),
        (
            "title: t\nrun: 5\nrows: [{row: x, run: {loss: ap}}]\n",
            "run: found 5; give a mapping of keys",
        ),
        ("title: t\nrows: [{row: x, run: {loss: ap}}]\n", "run needs `detector` and `loss`"),
        (
            "title: t\nrows: [{row: x, run: {loss: ap, detector: atss, view: uper}}]\n",
            "view 'uper' is unknown",
        ),
        (
            "title: t\nrows: [{row: x, run: {loss: ap, detector: atss, epoch: late}}]\n",
            "epoch: found 'late'; it should be a number of at least 1",
        ),
        (
            "title: t\nrows: [{row: x, run: {loss: ap, detector: atss, epoch: 3}}]\n",
            "epoch 3 needs a schedule",
        ),
        (
            "title: t\nrun: {schedule: rs-1x}\n"
            "rows: [{row: x, run: {loss: ap, detector: atss, epoch: 12}}]\n",
            "s.yaml: epoch 12 is not before the end of schedule 'rs-1x', which has 12 epochs; name",
        ),
        (
            "title: t\nrun: {schedule: rs-2x}\n"
            "rows: [{row: x, run: {loss: ap, detector: atss, epoch: 1}}]\n",
            "epoch 1 needs a schedule with `epochs`; .*schedules.yaml has none called 'rs-2x'",
        ),
        (
            "title: t\nrun: {schedule: rs-1x, view: score>=0.4}\n"
            "rows: [{row: x, run: {loss: ap, detector: atss, epoch: 1}}]\n",
            "epoch 1 has no view 'score>=0.4'; leave one of them out",
        ),
        ("title: t\ncomputed_by: toy\nrows: []\n", "computed_by: found 'toy'; write <file>"),
        ("title: t\ncomputed_by: toy.f\nrows: []\n", r"there is no file .*toy\.py"),
    ],
)
def test_specifications_are_checked(tmp_path: Path, spec: str, message: str) -> None:
    (tmp_path / "s.yaml").write_text(spec)
    with pytest.raises(InputError, match=message):
        load_spec(tmp_path / "s.yaml")


SPEC = "title: t\ncolumns: [{metric: AP, published: AP}]\nrows: [{row: x}, {row: y}]\n"
VALUES = "row,AP\nx,12.5\ny,\n"
NOTE = "# T\n\nWhere: page 1. y is empty: not legible.\n\nWhat it claims\n- nothing\n"


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("t.yaml", "row: y", "row: z", "row 'z' is not in the published values"),
        ("t.yaml", ", {row: y}", "", "there is no row for 'y' of the published values"),
        ("t.yaml", "[{row: x}, {row: y}]", "[{row: y}, {row: x}]", "not in the order"),
        ("t.yaml", "published: AP", "published: AP9", "column 'AP9' is not in the published"),
        ("t.yaml", "metric: AP", "metric: AP, decimals: 0", "decimals: 0 would round .* 12.5"),
        ("t.md", "Where:", "Place:", r"t\.md: no line begins with 'Where:'; add it"),
        ("t.md", "What it claims", "Claims", "no line begins with 'What it claims'"),
        ("t.md", "empty", "gone", r"t\.csv has empty cells; explain"),
        ("t.md", NOTE, None, r"t\.md: missing; every CSV of published values needs a note"),
    ],
)
def test_what_does_not_fit(tmp_path: Path, name: str, old: str, new: str | None, message) -> None:
    for file, text in (("t.yaml", SPEC), ("t.csv", VALUES), ("t.md", NOTE)):
        (tmp_path / file).write_text(text)
    assert load_spec(tmp_path / "t.yaml").published == {"x": {"AP": 12.5}, "y": {"AP": None}}
    path = tmp_path / name
    if new is None:
        path.unlink()
    else:
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))
    with pytest.raises(InputError, match=message):
        load_spec(tmp_path / "t.yaml")


def test_claims_need_rows_and_columns(tmp_path: Path) -> None:
    for suffix in (".yaml", ".csv", ".md"):
        shutil.copy(PAPERS / "alrp" / f"table2{suffix}", tmp_path / f"s{suffix}")
    path = tmp_path / "s.yaml"
    text = path.read_text().partition("claims:")[0]
    for entry, message in (
        ("{text: t, source: s, column: AP, better: x}", "there is no row 'x'"),
        ("{text: t, source: s, column: APX, better: AP Loss}", "there is no column 'APX'"),
        ("{text: t, column: AP, better: AP Loss}", "claim 't': key 'source' is missing"),
        ("{text: t, source: s, column: AP, beter: AP Loss}", "'beter'; did you mean 'better'"),
        ("{text: t, source: s, column: AP, about: 1}", "claim 't': about needs a tolerance"),
        ("{text: t, source: s, column: AP, view: sideways}", "view 'sideways' is unknown"),
        ("{text: t, source: s, column: AP, within: a}", "within: found 'a'; it should be a"),
        ("text", "claim 'text': found 'text'; expected a mapping"),
    ):
        path.write_text(f"{text}claims:\n  - {entry}\n")
        with pytest.raises(InputError, match=message):
            load_spec(path)
