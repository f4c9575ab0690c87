"""`rankdet export`: the archive and the tables of a study."""

import json
import shutil
import zipfile
from pathlib import Path

import pandas as pd
import pytest

import rankdet.results
from rankdet import cli
from rankdet.exchange.files import fault_of
from rankdet.results.records import read_study
from tests.exchange.archives import AP
from tests.report.fake_study import make_study


def test_an_archive_has_records_config_and_environment_only(archive: Path) -> None:
    with zipfile.ZipFile(archive) as content:
        names = set(content.namelist())
        environment = json.loads(content.read("environment.json"))
        config = content.read("config/fake.yaml").decode()
    for file in ("run.json", "metrics.json", "matches.parquet", "train.parquet", "detections.json"):
        assert f"study/{AP}/{file}" in names
    assert f"study/{AP}/shown.kept" in names
    assert {"study/plan.json", "study/shapes/dataset.json"} <= names
    assert not [name for name in names if "/data/" in name or "/logs/" in name]
    assert not [name for name in names if name.endswith((".pth", ".log", ".png"))]
    assert "Fake study" in config
    assert environment["packages"]["pandas"] == pd.__version__


def test_runs_that_were_taken_out_do_not_travel(here: Path) -> None:
    removed = Path("results/fake/shapes/elsewhere/theirs@imported/seed1/split-test")
    removed.mkdir(parents=True)
    for file in (removed / "metrics.json", removed.parent / "detections.json"):
        file.write_text("[]")
    assert cli.main(["export", "fake", "--out", str(here / "study.zip")]) == 0
    with zipfile.ZipFile(here / "study.zip") as content:
        names = content.namelist()
    assert not [name for name in names if "theirs" in name] and f"study/{AP}/run.json" in names
    shutil.rmtree("results/fake/shapes/elsewhere")


@pytest.mark.parametrize(
    ("dataset", "detector", "loss"),
    [
        *(("last", "logs", "work"), ("data", "last", "logs"), ("finished", "pages", "data")),
        *(("work", "finished", "intervals"), ("detected", "origin", "detected")),
    ],
)
def test_runs_with_names_of_the_workflow_travel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dataset: str, detector: str, loss: str
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = renamed_study(tmp_path, dataset, detector, loss)
    imported = plan.parent / "imported" / dataset / detector / f"{loss}@imported" / "seed1"
    imported.mkdir(parents=True)
    (imported / "import.json").write_text("{}")
    kept = plan.parent / dataset / detector / loss / "seed1"
    for name in ("logs/a.json", "last/a.json", "on-val/logs/a.json", "work/b.json"):
        (kept / name).parent.mkdir(parents=True, exist_ok=True)
        (kept / name).write_text("{}")
    assert cli.main(["export", "fake", "--out", "study.zip"]) == 0
    with zipfile.ZipFile("study.zip") as content:
        names = content.namelist()
    run = f"study/{dataset}/{detector}/{loss}/seed1"
    assert {f"{run}/run.json", f"{run}/metrics.json", f"study/{dataset}/dataset.json"} <= {*names}
    assert f"study/imported/{dataset}/{detector}/{loss}@imported/seed1/import.json" in names
    assert not [name for name in names if name.endswith(("/a.json", "/b.json", "/val.json"))]
    assert cli.main(["import", "study.zip", "--as", "other"]) == 0
    (run,) = read_study("results/other/plan.json").runs
    assert run.main.metrics["AP"] is not None


def renamed_study(root: Path, dataset: str, detector: str, loss: str) -> Path:
    """A study of one run, with other names."""
    plan = make_study(root, runs=(("retinanet", "ap", "", 1, "trained"),))
    study = plan.parent
    (study / "shapes").rename(study / dataset)
    (study / dataset / "retinanet").rename(study / dataset / detector)
    (study / dataset / detector / "ap").rename(study / dataset / detector / loss)
    content = json.loads(plan.read_text())
    content["datasets"][0]["name"] = dataset
    names = {"dataset": dataset, "detector": detector, "loss": loss}
    content["runs"][0] |= {**names, "key": f"{dataset}/{detector}/{loss}/seed1"}
    plan.write_text(json.dumps(content))
    for file in ("run.json", "metrics.json"):
        path = study / dataset / detector / loss / "seed1" / file
        record = json.loads(path.read_text())
        record.pop("made_of", None)
        record["run"] = {**(record.get("run") or {}), **names}
        path.write_text(json.dumps(record))
    return plan


def test_a_run_that_would_be_left_out_stops_the_export(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    plan = make_study(tmp_path)
    (plan.parent / AP).rename(tmp_path / "elsewhere")
    (plan.parent / AP).symlink_to(tmp_path / "elsewhere")
    assert cli.main(["export", "fake", "--out", "study.zip"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{AP}/run.json: would not be in the archive" in line and not Path("study.zip").exists()


def test_a_config_of_the_same_name_with_other_runs_is_not_in_the_archive(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = "runs:\n  - {dataset: shapes, detectors: [atss], losses: [focal], seeds: [1]}\n"
    (tmp_path / "a.yaml").write_text(f"study: fake\ntitle: Fake study\n{runs}")
    (tmp_path / "results").symlink_to(made / "results")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["export", "fake", "--out", "study.zip"]) == 0
    with zipfile.ZipFile("study.zip") as content:
        assert not [name for name in content.namelist() if name.startswith("config/")]
    (tmp_path / "b.yaml").write_text("study: fake\ntitle: Fake study\n")  # its runs are not known
    assert cli.main(["export", "fake", "--out", "study.zip"]) == 0
    with zipfile.ZipFile("study.zip") as content:
        assert "config/b.yaml" in content.namelist()


def test_several_configs_of_the_same_runs_are_named(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    (tmp_path / "results").symlink_to(made / "results")
    for name in "ab":
        (tmp_path / f"{name}.yaml").write_text("study: fake\ntitle: Fake study\n")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["export", "fake", "--out", "study.zip"]) == 0
    line, *_ = capsys.readouterr().err.splitlines()
    assert line.startswith("note: b.yaml may be the study's config as well as a.yaml")
    assert cli.main(["export", "fake", "--out", "study.zip", "--configfile", "b.yaml"]) == 0
    shown = capsys.readouterr()
    assert "config b.yaml" in shown.out and "may be the study's config" not in shown.err


def test_a_folder_with_other_files_is_refused_before_the_archive(here: Path, capsys) -> None:
    (here / "mine").mkdir()
    (here / "mine" / "thesis.tex").write_text("years of work")
    words = ["--out", str(here / "x.zip"), "--parquet", str(here / "mine")]
    assert cli.main(["export", "fake", *words]) == 2
    assert "was not written by rankdet" in capsys.readouterr().err
    assert not (here / "x.zip").exists()


def test_weights_only_on_request(here: Path) -> None:
    path = here / "whole.zip"
    assert cli.main(["export", "fake", "--out", str(path), "--weights"]) == 0
    with zipfile.ZipFile(path) as content:
        assert content.read(f"study/{AP}/model.pth") == b"weights"


def test_its_metadata_are_an_ro_crate(here: Path) -> None:
    path = here / "study.zip"
    url = "https://creativecommons.org/licenses/by/4.0/"
    assert cli.main(["export", "fake", "--out", str(path), "--license", url]) == 0
    with zipfile.ZipFile(path) as content:
        crate = json.loads(content.read("ro-crate-metadata.json"))
        sizes = {one.filename: one.file_size for one in content.infolist()}
    assert crate["@context"] == "https://w3id.org/ro/crate/1.1/context"
    graph = {one["@id"]: one for one in crate["@graph"]}
    assert len(graph) == len(crate["@graph"])
    descriptor, root = graph["ro-crate-metadata.json"], graph["./"]
    assert descriptor["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.1"}
    assert descriptor["about"] == {"@id": "./"} and root["@type"] == "Dataset"
    assert root["name"] == "Fake study" and root["datePublished"] and root["description"]
    assert root["license"] == {"@id": url} and url in graph
    parts = {one["@id"] for one in root["hasPart"]}
    assert f"study/{AP}/metrics.json" in parts and parts <= set(graph)
    for name in parts:
        if "%" not in name:
            assert graph[name]["@type"] == "File" and int(graph[name]["contentSize"]) == sizes[name]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fake"], "--out: missing"),
        (["fake", "--out", "study.tar"], "give a name that ends in .zip"),
        (["gone", "--out", "x.zip"], "no study 'gone'"),
        (["fake", "--out", "results/fake/run.zip", "--license", "MIT"], "--license 'MIT'"),
        (
            ["fake", "--out", "results/fake/x.zip"],
            "x.zip: is inside the folder of the study 'fake'",
        ),
        (["fake", "--out", "x.zip", "--configfile", "gone.yaml"], "gone.yaml: not a YAML file"),
    ],
)
def test_wrong_arguments_are_one_line(here, capsys, arguments, message) -> None:
    assert cli.main(["export", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error and len(error.splitlines()) == 1 and not Path("x.zip").exists()


def test_parquet_has_the_frames(here: Path, capsys) -> None:
    folder = here / "tables"
    assert cli.main(["export", "fake", "--parquet", str(folder)]) == 0
    assert "metrics.parquet: " in capsys.readouterr().out
    for name, frame in rankdet.results.open("results/fake").frames().items():
        found = pd.read_parquet(folder / f"{name}.parquet")
        assert len(found) == len(frame) and list(found) == list(frame)
    (folder / "notes.txt").write_text("mine")
    assert cli.main(["export", "fake", "--parquet", str(folder)]) == 0  # it has written the folder
    other = here / "other"
    other.mkdir()
    (other / "notes.txt").write_text("mine")
    assert cli.main(["export", "fake", "--parquet", str(other)]) == 2
    assert (other / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    "command",
    [["export", "fake", "--parquet"], ["record", "fake", "--out"], ["report", "fake", "--out"]],
    ids=lambda command: command[0],
)
def test_no_folder_is_written_into_a_study(here: Path, capsys, command) -> None:
    before = sorted(Path("results").rglob("*"))
    assert cli.main([*command, "results/fake/new"]) == 2
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    assert line.startswith("error: results/fake/new: is inside the folder of the study 'fake'")
    assert captured.out == "" and sorted(Path("results").rglob("*")) == before


def test_names_of_an_export_are_accepted() -> None:
    for name in ("study/plan.json", f"study/{AP}/matches.parquet", "config/a.yaml"):
        assert fault_of(name) is None
