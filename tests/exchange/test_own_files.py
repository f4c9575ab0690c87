"""A study made with the user's own loss travels without that file, and every command says so."""

import shutil
from pathlib import Path

import pytest

from rankdet import cli
from rankdet.repository import use_places
from tests.exchange.studies import change
from tests.report.fake_study import make_study

RUNS = (
    ("retinanet", "focal", "", 1, "trained"),
    ("retinanet", "own", "", 1, "trained"),
    ("slim", "focal", "", 1, "trained"),
)
FILES = (
    *("losses/own.py", "losses/own.json", "kit/core.py"),
    *("detectors/slim.yaml", "papers/own/table1.yaml"),
)
USED = {"kit/core.py": "1", "losses/own.json": "4", "rankdet/losses/ap.py": "2", "torch": "3"}
MADE_OF = {"settings": {}, "files": USED}


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "first"
    plan = make_study(root, "own", runs=RUNS)
    for name in FILES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    spec = {"id": "own/table1", "spec": FILES[-1]}
    change(plan, lambda one: one["tables"].append(spec))
    record = plan.parent / "shapes/retinanet/own/seed1/run.json"
    change(record, lambda one: one["provenance"].update(made_of=MADE_OF))
    monkeypatch.chdir(root)
    use_places({})
    yield tmp_path
    use_places({})


def elsewhere(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Imports the study in another folder."""
    assert cli.main(["export", "own", "--out", str(lab / "own.zip")]) == 0
    (lab / "second").mkdir()
    monkeypatch.chdir(lab / "second")
    assert cli.main(["import", "../own.zip"]) == 0


def test_an_export_names_the_files_that_stay(lab: Path, capsys) -> None:
    assert cli.main(["export", "own", "--out", "own.zip"]) == 0
    (line,) = [
        line for line in capsys.readouterr().err.splitlines() if "not in the archive" in line
    ]
    assert ", ".join(sorted(FILES)) in line and "rankdet/" not in line and "torch" not in line


def test_an_import_names_the_files_that_are_missing(lab: Path, capsys, monkeypatch) -> None:
    elsewhere(lab, monkeypatch)
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "not here and" in line]
    assert ", ".join(sorted(FILES)) in line
    shutil.copytree("../first/kit", "kit")
    assert cli.main(["import", "../own.zip", "--as", "again"]) == 0
    told = capsys.readouterr().err
    assert "losses/own.py" in told and "kit/core.py" not in told


@pytest.mark.parametrize(
    ("detector", "loss", "said"),
    [
        ("retinanet", "own", "unknown loss 'own'; results/own, an imported study, has runs with it"
         ": copy its file own.py to losses/ from where the study was made. known: "),
        ("slim", "focal", "copy its file slim.yaml to detectors/"),
        ("retinanet", "owm", "unknown loss 'owm'; known: "),
    ],
)  # fmt: skip
def test_a_plan_says_where_the_file_of_an_imported_study_is(
    lab: Path, capsys, monkeypatch, detector, loss, said
) -> None:
    elsewhere(lab, monkeypatch)
    Path("study.yaml").write_text(
        "study: own\ntitle: T\nscale: S\npreset: small\n"
        "datasets: {shapes: {kind: shapes, title: Shapes}}\n"
        f"runs: [{{dataset: shapes, detectors: [{detector}], losses: [{loss}], seeds: [1]}}]\n"
        "schedule: {iterations: 2, batch_size: 2, image_size: 64}\nsplits: [val]\n"
    )
    capsys.readouterr()
    assert cli.main(["plan"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
