"""`rankdet import DETECTIONS.json`: detections made elsewhere are a row beside the own runs."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rankdet import cli
from rankdet.errors import InputError
from rankdet.evaluation.evaluate import evaluate_files
from rankdet.exchange.alone import alone
from rankdet.papers.match import find_runs
from rankdet.papers.spec import RunRequest
from rankdet.results.leaderboard import leaderboard
from rankdet.results.records import read_study
from tests.report.fake_study import make_study

RUNS = (("retinanet", "ap", "", 1, "trained"), ("retinanet", "focal", "", 1, "trained"))
ROW = "shapes/retinanet/theirs@imported/seed1"
URL = "https://example.org/model"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_study(tmp_path_factory.mktemp("made"), split_names=("val", "train"), runs=RUNS)


@pytest.fixture
def plan(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the study in the folder `results` of the current folder."""
    shutil.copytree(made.parents[1], tmp_path / "results")
    monkeypatch.chdir(tmp_path)
    return Path("results/fake/plan.json")


def detections_of(plan: Path, split: str = "val") -> list[dict]:
    """Every second object, a little to the right."""
    truth = json.loads((plan.parent / "shapes" / "data" / f"{split}.json").read_text())
    return [
        {
            "image_id": one["image_id"],
            "category_id": one["category_id"],
            "bbox": [one["bbox"][0] + 2, *one["bbox"][1:]],
            "score": round(0.9 - i / 100, 3),
        }
        for i, one in enumerate(truth["annotations"][::2])
    ]


def write(path: str, content: object) -> str:
    Path(path).write_text(json.dumps(content))
    return path


def take(*more: str, file: str = "theirs.json") -> int:
    return cli.main(["import", file, "--as", "theirs", "--detector", "retinanet", *more])


def test_a_row_is_made_beside_the_runs(plan: Path, capsys) -> None:
    found = write("theirs.json", detections_of(plan))
    assert take("--url", URL) == 0
    truth = plan.parent / "shapes" / "data" / "val.json"
    expected = evaluate_files(truth, found)["metrics"]
    assert f"{ROW}: {len(detections_of(plan))} detections on 'val'" in capsys.readouterr().out
    study = read_study(plan)
    row = next(entry for entry in leaderboard(study) if entry.key == ROW)
    assert row.status == "imported" and row.reason == ""
    assert row.values["AP"] == pytest.approx(100 * expected["AP"])
    assert row.values["oLRP"] == pytest.approx(100 * expected["oLRP"])
    own = next(entry for entry in leaderboard(study) if entry.loss == "ap")
    training = {key for key in own.values if key.startswith("training.")}
    assert training and all(row.values[key] is None for key in training)
    assert row.values["untrained.AP50"] is None and row.detector_title == "RetinaNet"


def test_the_report_marks_it_and_compares_it(plan: Path) -> None:
    write("theirs.json", detections_of(plan))
    assert take("--url", URL, "--title", "Their <b>model</b>") == 0
    assert cli.main(["report", "fake", "--out", "report"]) == 0
    first = Path("report/index.html").read_text()
    assert "<span>2 losses and 1 imported model</span>" in first
    assert f'<a class="source" href="{URL}"' in first and "Their &lt;b&gt;model&lt;/b&gt;" in first
    assert "</span> imported</span>" in first
    page = next(Path("report/runs").rglob("*theirs*/*.html")).read_text()
    assert "that this study has not trained" in page and URL in page and "peak memory" not in page
    compared = Path("report/compare/shapes/retinanet.html").read_text()
    assert "Their &lt;b&gt;model&lt;/b&gt;" in compared and "AP Loss" in compared


def test_it_is_no_run_of_a_paper(plan: Path) -> None:
    write("theirs.json", detections_of(plan))
    assert cli.main(["import", "theirs.json", "--as", "alrp", "--detector", "retinanet"]) == 0
    request = RunRequest(detector="retinanet", loss="alrp", dataset="shapes")
    assert find_runs(read_study(plan), "shapes", request) == []


def test_another_split_and_a_speed_complete_it(plan: Path) -> None:
    write("theirs.json", detections_of(plan))
    write("train.json", detections_of(plan, "train"))
    speed = {"schema": "rankdet.speed/1", "device": "their GPU", "seconds_per_image": 0.05}
    assert take("--speed", write("speed.json", speed)) == 0
    assert take("--split", "train", file="train.json") == 0
    (run,) = (run for run in read_study(plan).runs if run.key == ROW)
    assert run.planned.splits == ("val", "train") and run.status == "imported"
    assert [one.metrics["AP"] is not None for one in run.evaluations] == [True, True]
    assert run.main.speed is not None and run.main.speed.images_per_second == pytest.approx(20)


def test_other_detections_of_the_same_name_replace_it_only_on_request(plan: Path, capsys) -> None:
    found = detections_of(plan)
    write("theirs.json", found)
    assert take() == 0
    before = read_study(plan)
    assert take("--title", "Theirs") == 0  # the same detections
    write("theirs.json", found[:3])
    kept = Path("results/fake/imported", ROW, "val.json").read_bytes()
    capsys.readouterr()
    assert take() == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "--as theirs: " in line and line.endswith("or replace them with --replace")
    assert Path("results/fake/imported", ROW, "val.json").read_bytes() == kept
    assert take("--replace") == 0
    rows = [[e for e in leaderboard(one) if e.key == ROW] for one in (before, read_study(plan))]
    assert [len(part) for part in rows] == [1, 1]
    assert rows[1][0].values["AP"] < rows[0][0].values["AP"]


def test_a_row_of_the_config_is_not_replaced(plan: Path, capsys) -> None:
    write("theirs.json", detections_of(plan))
    assert take() == 0
    content = json.loads(plan.read_text())
    del content["runs"][-1]["taken"]  # as if it came from the key `imported`
    plan.write_text(json.dumps(content))
    shutil.rmtree("results/fake/imported")
    capsys.readouterr()
    assert take("--replace") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "the study's config has an import of this name" in line
    assert ROW in [run.key for run in read_study(plan).runs]


def test_a_removed_row_is_in_no_report(plan: Path) -> None:
    write("theirs.json", detections_of(plan))
    assert take() == 0
    assert ROW in [run.key for run in read_study(plan).runs]
    shutil.rmtree("results/fake/imported/shapes")
    assert ROW not in [run.key for run in read_study(plan).runs]
    assert cli.main(["report", "fake", "--out", "report"]) == 0
    assert "theirs" not in Path("report/index.html").read_text()


def test_another_split_leaves_the_main_one_fresh(plan: Path) -> None:
    write("theirs.json", detections_of(plan))
    assert take() == 0
    write("train.json", detections_of(plan, "train"))
    assert take("--split", "train", file="train.json") == 0
    (run,) = (run for run in read_study(plan).runs if run.key == ROW)
    assert run.status == "imported" and run.reason is None
    path = run.folder / "metrics.json"
    path.write_text(path.read_text().replace('"AP"', '"AP "', 1))
    (run,) = (run for run in read_study(plan).runs if run.key == ROW)
    assert run.status == "stale" and "metrics.json was edited" in str(run.reason)


def test_unusual_detections_are_noted(plan: Path, capsys) -> None:
    found = detections_of(plan)
    found[0]["score"], found[1]["score"] = 7.5, -2
    write("theirs.json", found)
    assert take() == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("note: 2 detections have a score outside [0, 1]: used as given")
    arguments = ["import", "theirs.json", "--as", "more", "--detector", "retinanett"]
    assert cli.main(arguments) == 0
    note = capsys.readouterr().err.splitlines()[1]
    assert note.startswith("note: detector 'retinanett': the study has no run of it")
    assert "did you mean 'retinanet'?" in note


def test_corners_instead_of_sizes_are_noted(plan: Path, capsys) -> None:
    found = detections_of(plan)
    for one in found:
        x, y, width, height = one["bbox"]
        one["bbox"] = [x, y, x + width, y + height]
    write("theirs.json", found)
    assert take() == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert "end far outside their image: are they x1, y1, x2, y2?" in line


def test_changed_detections_are_stale(plan: Path) -> None:
    write("theirs.json", detections_of(plan))
    assert take() == 0
    content = json.loads(plan.read_text())
    content["runs"][-1]["hashes"] = {"detections": "0" * 16}
    plan.write_text(json.dumps(content))
    (run,) = (run for run in read_study(plan).runs if run.key == ROW)
    assert run.status == "stale" and "the imported detections changed" in str(run.reason)


def test_an_edited_copy_is_noticed_without_a_plan(plan: Path) -> None:
    write("theirs.json", detections_of(plan))
    write("train.json", detections_of(plan, "train"))
    assert take() == 0
    assert take("--split", "train", file="train.json") == 0
    for name in ("val.json", "train.json"):
        kept = plan.parent / "imported" / ROW / name
        text = kept.read_text()
        kept.write_text(text.replace("0.9", "0.8", 1))
        (run,) = (run for run in read_study(plan).runs if run.key == ROW)
        assert run.status == "stale" and "the imported detections changed" in str(run.reason)
        kept.write_text(text)
        (run,) = (run for run in read_study(plan).runs if run.key == ROW)
        assert run.status == "imported"


def test_imports_at_once_keep_all_rows(plan: Path) -> None:
    names = [f"m{number}" for number in range(4)]
    write("theirs.json", detections_of(plan))
    line = [sys.executable, "-m", "rankdet", "import", "theirs.json", "--as"]
    jobs = [subprocess.Popen([*line, name], stderr=subprocess.PIPE) for name in names]
    for job in jobs:
        _, said = job.communicate(timeout=300)
        assert job.returncode == 0, said
    found = {run.loss: run.status for run in read_study(plan).runs if run.imported}
    assert found == dict.fromkeys(names, "imported")
    assert not list(plan.parent.glob(".*"))


def test_an_import_waits_for_another_one(plan: Path) -> None:
    lock = plan.parent / ".import.lock"
    code = "import sys, pathlib; from rankdet.exchange.alone import alone\n"
    code += f"with alone(pathlib.Path({str(plan.parent)!r}), print):\n print('mine', flush=True)\n"
    code += " sys.stdin.read()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], **pipes, text=True) as other:
        assert other.stdout.readline() == "mine\n"
        said: list[str] = []
        holding = alone(plan.parent, said.append, patience=0.3)
        with pytest.raises(InputError, match="is writing it; wait until it has"), holding:
            pass
        other.communicate("")
    assert len(said) == 1 and said[0].startswith("waits for process ") and not lock.exists()


FIRST = {"image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5], "score": 0.5}
BAD = [
    ([{**FIRST, "image_id": 999}], (), "1 image id is not in split 'val' of 'shapes' (999)"),
    ([{**FIRST, "category_id": 0}], (), "1 category id is not in 'shapes' (0); its ids are 1, 2"),
    ({"annotations": []}, (), "list"),
    ([{**FIRST, "bbox": [1, 1, -5, 5]}], (), "of negative size"),
    ([FIRST], ("--split", "test"), "no split 'test'; its splits: train, val"),
    ([FIRST], ("--split", "train"), "import the detections on the main split 'val' first"),
    ([FIRST], ("--dataset", "coco"), "--dataset: found 'coco'; known: shapes"),
    ([FIRST], ("--url", "javascript:alert(1)"), "--url 'javascript:alert(1)': give an address"),
    ([FIRST], ("--seed", "-1"), "--seed -1: give a number from 0"),
    ([FIRST], ("--detector", "../x"), "--detector '../x': use lower-case letters"),
    ([FIRST], ("--detector", "data"), "--detector: 'data' is a file or folder of each dataset"),
    ([FIRST], ("--detector", "logs"), "--detector: 'logs' is a file or folder of each dataset"),
    ([FIRST], ("--study", "gone"), "no study 'gone' in results/"),
    (
        [FIRST],
        ("--speed", "gone.json"),
        "gone.json: is missing; give a speed.json (",
    ),
    ([FIRST], ("--speed", "theirs.json"), "theirs.json: is not a JSON object; give a speed.json"),
]


@pytest.mark.parametrize(("content", "more", "message"), BAD)
def test_wrong_input_is_one_line_and_writes_nothing(plan, capsys, content, more, message) -> None:
    write("theirs.json", content)
    before = plan.read_text()
    assert take(*more) == 2
    error = capsys.readouterr().err
    assert message in error and len(error.splitlines()) == 1
    assert plan.read_text() == before and not (plan.parent / "imported").exists()
    assert not (plan.parent / ROW).exists()


def test_images_of_another_split_are_named(plan: Path, capsys) -> None:
    path = plan.parent / "shapes" / "data" / "train.json"
    moved = json.loads(path.read_text())
    for one in moved["images"]:
        one["id"] += 100
    for one in moved["annotations"]:
        one["image_id"] += 100
    path.write_text(json.dumps(moved))
    manifest = plan.parent / "shapes" / "dataset.json"
    content = json.loads(manifest.read_text())
    content["splits"]["train"]["annotations"] = str(path)
    manifest.write_text(json.dumps(content))
    write("theirs.json", detections_of(plan, "train"))
    assert take() == 2
    assert "they are images of split 'train': import them as" in capsys.readouterr().err


def test_another_folder_is_told_where_to_go(plan: Path, monkeypatch, capsys) -> None:
    write("theirs.json", detections_of(plan))
    manifest = plan.parent / "shapes" / "dataset.json"
    content = json.loads(manifest.read_text())
    for name, split in content["splits"].items():
        split["annotations"] = f"results/fake/shapes/data/{name}.json"
    manifest.write_text(json.dumps(content))
    root = Path.cwd()
    (root / "other").mkdir()
    monkeypatch.chdir("other")
    assert take("--results", "../results", file="../theirs.json") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(
        f"no such file in the current folder, but in {root}; run this command there"
    )


def test_a_name_is_needed(plan: Path, capsys) -> None:
    write("theirs.json", detections_of(plan))
    assert cli.main(["import", "theirs.json"]) == 2
    assert "--as: missing; give the method" in capsys.readouterr().err
