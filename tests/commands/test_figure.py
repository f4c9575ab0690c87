"""`rankdet figure`: what it writes, and one line for what it cannot draw."""

import shutil
from pathlib import Path

import pytest

from rankdet.cli import main
from tests.report.fake_study import make_study


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_study(tmp_path_factory.mktemp("figure"))


@pytest.mark.parametrize("figure", ["alrp/figure1", "alrp/figure4", "sparsity"])
def test_it_writes_the_file(study: Path, tmp_path: Path, capsys, figure: str) -> None:
    out = tmp_path / "new" / "x.pdf"
    assert main(["figure", str(study), figure, "--out", str(out), "--style", "ieee"]) == 0
    assert capsys.readouterr().out.strip() == str(out)
    assert out.read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["alrp/figure4", "--out", "x.jpg"], "end its name in .pdf, .svg, .png"),
        (["alrp/figure44", "--out", "x.pdf"], "did you mean 'alrp/figure4'"),
        (["calibratin", "--out", "x.pdf"], "did you mean 'calibration'"),
        (["toy_pr", "--out", "x.pdf"], "computed without runs"),
        (["ape/figure3", "--out", "x.pdf"], "no run that can be drawn (APE Loss: not in this"),
        (["rs/figureS1", "--out", "x.pdf"], "shown as a table"),
        (["alrp/figure4", "--losses", "ap", "--out", "x.pdf"], "names its own runs"),
        (["alrp/figure4", "--dataset", "coco", "--out", "x.pdf"], "no dataset 'coco'"),
        (["alrp/table2", "--out", "x.pdf"], "figure 'alrp/table2' is a table"),
        (["precision_recall", "--losses", " ,", "--out", "x.pdf"], "names no loss"),
        (["precision_recall", "--losses", "app", "--out", "x.pdf"], "did you mean 'ap'"),
        (["class_differences", "--losses", "ap", "--out", "x.pdf"], "name two"),
    ],
)
def test_errors_are_one_line(study, tmp_path, monkeypatch, capsys, arguments, message) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["figure", str(study), *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["figure", "record"])
def test_a_damaged_run_that_is_left_out_is_named(study, tmp_path, capsys, command) -> None:
    shutil.copytree(study.parent, tmp_path / "study")
    path = next((tmp_path / "study").glob("shapes/*/alrp/seed1/metrics.json"))
    path.write_text(path.read_text()[:200])
    names = ["calibration", "--out", str(tmp_path / "x.svg")]  # it is drawn from the metrics
    names = names if command == "figure" else ["--out", str(tmp_path / "new")]
    assert main([command, str(tmp_path / "study"), *names]) == 0
    notes = [line for line in capsys.readouterr().err.splitlines() if "/alrp/seed1 " in line]
    assert len(notes) == 1 and notes[0].startswith("note: shapes/")
    assert " is left out: " in notes[0] and "metrics.json cannot be read" in notes[0]


@pytest.mark.parametrize(
    ("figure", "name"),
    [
        ("learning_curves", "train.parquet"),
        ("precision_recall", "matches.parquet"),
        ("alrp/figure4", "train.parquet"),
    ],
)
def test_a_seed_with_a_damaged_file_is_named(study, tmp_path, capsys, figure, name) -> None:
    shutil.copytree(study.parent, tmp_path / "study")
    path = next((tmp_path / "study").glob(f"shapes/retinanet/alrp/seed1/{name}"))
    path.write_bytes(path.read_bytes()[:2000])
    assert main(["figure", str(tmp_path / "study"), figure, "--out", str(tmp_path / "x.svg")]) == 0
    written = capsys.readouterr().err.splitlines()
    damage = f"shapes/retinanet/alrp/seed1/{name} is damaged; delete it"
    assert len([line for line in written if damage in line]) == 1


@pytest.mark.parametrize(("figure", "drawn"), [("learning_curves", True), ("calibration", False)])
def test_a_run_without_metrics_is_left_out_only_where_they_are_needed(
    study, tmp_path, capsys, figure, drawn
) -> None:
    shutil.copytree(study.parent, tmp_path / "study")
    (tmp_path / "study/shapes/retinanet/alrp/seed1/metrics.json").unlink()
    assert main(["figure", str(tmp_path / "study"), figure, "--out", str(tmp_path / "x.svg")]) == 0
    said = "note: shapes/retinanet/alrp/seed1 is left out: trained, not evaluated yet"
    assert (said in capsys.readouterr().err.splitlines()) == (not drawn)


@pytest.mark.parametrize("name", ["ap_over_rates", "claims/figure_rates"])
def test_one_learning_rate_is_no_figure(study, tmp_path, capsys, name: str) -> None:
    path = tmp_path / "x.svg"
    assert main(["figure", str(study.parent), name, "--out", str(path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{name} compares learning rates, and this study has runs at one rate" in line
    assert not path.exists()
