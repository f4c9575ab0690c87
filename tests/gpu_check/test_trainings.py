"""Small trainings: in this process, in others, and stopped in time."""

import time

import pytest

from rankdet.gpu_check import processes, trainings
from rankdet.gpu_check.study import prepared, small_study, specs
from rankdet.repository import CONFIG
from rankdet.results.schemas.dataset import DatasetManifest
from rankdet.study.config.model import load_config
from tests.gpu_check.contexts import context


def test_the_full_study_is_the_default_study(tmp_path):
    study = small_study("full", "cuda", trainings.DETECTORS, trainings.LOSSES, [1, 2])
    trained = specs(study, "m.json", "sum")
    assert len(trained) == 2 * 5 * 2  # untrained detectors are left out
    default = load_config(CONFIG / "smoke.yaml")
    assert {spec["schedule"]["warmup"] for spec in trained} == {default["schedule"]["warmup"]}
    assert all(spec["device"] == "cuda" and spec["manifest"] == "m.json" for spec in trained)
    assert all(spec["hashes"]["data"] == "sum" and spec["preset"] == "small" for spec in trained)
    wanted = default["datasets"]["shapes"]
    assert study.data_config("shapes")["train_images"] == wanted["train_images"]


def test_rows_have_metrics_and_their_files_are_removed(tmp_path):
    rows = list(trainings.rows(context(tmp_path)))
    assert [(r["detector"], r["loss"], r["seed"]) for r in rows] == [
        ("retinanet", "focal", 1),
        ("retinanet", "ap", 1),
    ]
    for row in rows:
        assert row["status"] == "measured" and row["outcome"] in ("trained", "collapsed")
        assert 0 <= row["AP"] <= 1 and 0 < row["oLRP"] <= 1
        assert row["iterations"] == 2 and row["seconds"] >= row["train_seconds"] > 0
    assert {path.name for path in tmp_path.iterdir()} == {"data"}


def test_modes_are_compared_with_fp32(tmp_path):
    first, second, _third = trainings.modes(context(tmp_path))
    assert (first["mode"], second["mode"]) == ("fp32", "bf16")
    assert first["ratio"] == 1
    ratio = second["seconds_per_iteration"] / first["seconds_per_iteration"]
    assert second["ratio"] == pytest.approx(ratio)


def test_without_time_only_the_first_seed_is_a_row(tmp_path, monkeypatch):
    monkeypatch.setitem(trainings.SEEDS, "tiny", 3)
    rows = list(trainings.rows(context(tmp_path, 0)))
    assert [(row["seed"], row["status"]) for row in rows] == [(1, "not reached")] * 2


@pytest.fixture
def tasks(tmp_path):
    study = small_study("tiny", "cpu", ["retinanet"], ["focal"], [1, 2])
    manifest = prepared(study, tmp_path / "data")
    checksum = DatasetManifest.from_disk(manifest).checksum
    return [({"seed": spec["seed"]}, spec) for spec in specs(study, manifest, checksum)]


def test_another_process_trains_and_a_failure_is_a_row(tmp_path, tasks):
    broken = {**tasks[1][1], "manifest": str(tmp_path / "nothing.json")}
    rows = list(processes.train_all([tasks[0], ({"seed": 2}, broken)], 1, context(tmp_path, 120)))
    assert [(row["seed"], row["status"]) for row in rows] == [(1, "measured"), (2, "failed")]
    assert rows[0]["iterations"] == 2 and rows[0]["AP"] is not None
    assert "nothing.json" in rows[1]["reason"] and "\n" not in rows[1]["reason"]
    assert "Traceback" in (tmp_path / "check.log").read_text()


def test_processes_are_stopped_at_the_end_of_the_time(tmp_path, tasks):
    start = time.monotonic()
    rows = list(processes.train_all(tasks, 1, context(tmp_path, 0.5)))
    assert [row["status"] for row in rows] == ["not reached"] * 2
    assert time.monotonic() - start < 5
    assert not processes.multiprocessing.active_children()
