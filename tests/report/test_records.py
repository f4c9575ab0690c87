"""The report shows the study's records, and computes a record only where it has to."""

import json
import os
import shutil
from pathlib import Path

import pytest

from rankdet.errors import InputError
from rankdet.papers.figures import build_figure
from rankdet.papers.table import build_table
from rankdet.report import build_report
from rankdet.repository import PAPERS
from rankdet.results.leaderboard import build_leaderboard, read_leaderboard
from tests.report.fake_study import make_study
from tests.report.pages import Page

TABLE = "alrp/table2"
FIGURE = "alrp/figure4"
ROW, HEADER = "AP Loss", "AP"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study whose tables, figures and leaderboard are made."""
    path = make_study(tmp_path_factory.mktemp("made"))
    study = path.parent
    build_table(path, PAPERS / f"{TABLE}.yaml", study / "tables" / TABLE)
    build_figure(path, PAPERS / f"{FIGURE}.yaml", study / "figures" / FIGURE)
    build_leaderboard(path, study / "leaderboard.csv")
    return study


@pytest.fixture()
def plan(made: Path, tmp_path: Path) -> Path:
    """The plan of a copy of that study."""
    return shutil.copytree(made, tmp_path / "results" / "fake") / "plan.json"


def change_table(plan: Path, value: float) -> Path:
    """Writes another value of our AP into `table.json`."""
    path = plan.parent / "tables" / TABLE / "table.json"
    record = json.loads(path.read_text())
    row = next(row for row in record["blocks"][0]["rows"] if row["row"] == ROW)
    assert row["cells"][HEADER]["ours"] not in (None, value)
    row["cells"][HEADER]["ours"] = value
    path.write_text(json.dumps(record))
    return path


def shown(plan: Path, out: Path) -> str:
    """Our AP of the row on the paper's page."""
    page = Page(build_report(plan, out).parent / "papers" / "alrp.html")
    cells = next(row for row in page.table("Table 2") if row[:1] == [ROW])
    return cells[next(i for i, cell in enumerate(cells) if cell.startswith("ours ")) + 1]


def test_a_number_in_the_table_is_the_number_on_the_page(plan: Path, tmp_path: Path) -> None:
    change_table(plan, 12.3)
    assert shown(plan, tmp_path / "html").startswith("12.3")
    copy = json.loads((tmp_path / "html" / "tables" / TABLE / "table.json").read_text())
    assert "12.3" in json.dumps(copy)


def test_a_table_that_is_missing_is_computed(plan: Path, tmp_path: Path) -> None:
    change_table(plan, 12.3).unlink()
    assert not shown(plan, tmp_path / "html").startswith("12.3")


def test_a_damaged_table_is_computed(plan: Path, tmp_path: Path) -> None:
    change_table(plan, 12.3).write_text('{"schema": "rankdet.table/1"')
    assert not shown(plan, tmp_path / "html").startswith("12.3")


@pytest.mark.parametrize("name", ["metrics.json", "run.json"])
def test_a_table_older_than_one_of_its_runs_is_computed(
    plan: Path, tmp_path: Path, name: str
) -> None:
    made = change_table(plan, 12.3).stat().st_mtime
    os.utime(plan.parent / "shapes" / "retinanet" / "ap" / "seed1" / name, (made + 5, made + 5))
    assert not shown(plan, tmp_path / "html").startswith("12.3")


def test_a_table_older_than_the_plan_is_computed(plan: Path, tmp_path: Path) -> None:
    made = change_table(plan, 12.3).stat().st_mtime
    os.utime(plan, (made + 5, made + 5))
    assert not shown(plan, tmp_path / "html").startswith("12.3")


def test_a_run_of_another_table_changes_nothing(plan: Path, tmp_path: Path) -> None:
    made = change_table(plan, 12.3).stat().st_mtime
    other = plan.parent / "shapes" / "retinanet" / "untrained" / "seed1" / "metrics.json"
    os.utime(other, (made + 5, made + 5))
    assert shown(plan, tmp_path / "html").startswith("12.3")


def test_a_run_that_lost_its_results_is_not_shown(plan: Path, tmp_path: Path) -> None:
    change_table(plan, 12.3)
    (plan.parent / "shapes" / "retinanet" / "ap" / "seed1" / "metrics.json").unlink()
    page = Page(build_report(plan, tmp_path / "html").parent / "papers" / "alrp.html")
    row = next(row for row in page.table("Table 2") if row[:1] == [ROW])
    assert row[-1] == "seed 1: trained, not evaluated yet"


def test_a_figure_is_drawn_from_its_record(plan: Path, tmp_path: Path) -> None:
    path = plan.parent / "figures" / FIGURE / "figure.json"
    path.write_text(path.read_text().replace("Classification loss over", "Another text over"))
    build_report(plan, tmp_path / "html")
    assert "Another text over" in (tmp_path / "html" / "papers" / "alrp.html").read_text()
    path.unlink()
    build_report(plan, tmp_path / "html")
    page = (tmp_path / "html" / "papers" / "alrp.html").read_text()
    assert "Another text over" not in page and "Classification loss over" in page


def test_the_leaderboard_is_read(plan: Path, tmp_path: Path) -> None:
    path = plan.parent / "leaderboard.csv"
    lines = path.read_text().splitlines()
    position = next(i for i, line in enumerate(lines) if line.startswith("shapes/retinanet/ap/"))
    cells = lines[position].split(",")
    index = lines[0].split(",").index("AP")
    cells[index] = "12.3"
    path.write_text("\n".join([*lines[:position], ",".join(cells), *lines[position + 1 :]]) + "\n")
    build_report(plan, tmp_path / "html")
    assert "12.3" in (tmp_path / "html" / "leaderboard.csv").read_text()
    assert ">12.3<" in (tmp_path / "html" / "index.html").read_text()
    (plan.parent / "shapes" / "retinanet" / "ap" / "seed1" / "metrics.json").unlink()
    build_report(plan, tmp_path / "html")
    assert ">12.3<" not in (tmp_path / "html" / "index.html").read_text()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 0.9])
def test_a_leaderboard_that_was_cut_is_computed(plan: Path, tmp_path: Path, share: float) -> None:
    path = plan.parent / "leaderboard.csv"
    text = path.read_text()
    path.write_text(text[: int(share * len(text))])
    build_report(plan, tmp_path / "html")
    assert (tmp_path / "html" / "leaderboard.csv").read_text() == text


def test_pages_of_records_are_those_of_computed_numbers(plan: Path, tmp_path: Path) -> None:
    read = build_report(plan, tmp_path / "read").parent
    for name in ("tables", "figures"):
        for path in (plan.parent / name).rglob("*.json"):
            path.unlink()
    (plan.parent / "leaderboard.csv").unlink()
    computed = build_report(plan, tmp_path / "computed").parent
    files = sorted(path.relative_to(read) for path in read.rglob("*") if path.is_file())
    assert files == sorted(p.relative_to(computed) for p in computed.rglob("*") if p.is_file())
    for name in files:
        assert (read / name).read_bytes() == (computed / name).read_bytes(), name


@pytest.mark.fault("leaderboard with a cut row, a run twice, or a cell that is no number")
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (",1,trained", ",1_0,trained", "seed '1_0' is not a whole number"),
        (",1,trained", ",-1,trained", "seed '-1' is not a whole number"),
        (",AP,", ",AP,AP,", "column 'AP' occurs twice"),
        (",AP,", ",", "line 2: "),
        (",AP,", ",APP,", "column 'APP' is missing or unknown"),
    ],
)
def test_damaged_leaderboards_are_refused(plan: Path, old: str, new: str, message: str) -> None:
    path = plan.parent / "leaderboard.csv"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(InputError, match=message):
        read_leaderboard(path)


def test_a_leaderboard_without_the_end_of_its_last_number_is_refused(plan: Path) -> None:
    path = plan.parent / "leaderboard.csv"
    text = path.read_text()
    path.write_text(text[:-1])
    with pytest.raises(InputError, match="the end of the last line is missing"):
        read_leaderboard(path)
    path.write_text(text + text.splitlines()[-1] + "\n")
    with pytest.raises(InputError, match="a run occurs twice"):
        read_leaderboard(path)
