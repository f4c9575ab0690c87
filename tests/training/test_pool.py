"""Several trainings at a time in processes of their own, and their end in time."""

import time

import pytest

from rankdet.gpu_check.budget import Budget
from rankdet.gpu_check.study import prepared, small_study, specs
from rankdet.results.schemas.dataset import DatasetManifest
from rankdet.training import pool


@pytest.fixture
def tasks(tmp_path):
    study = small_study("tiny", "cpu", ["retinanet"], ["focal"], [1, 2])
    manifest = prepared(study, tmp_path / "data")
    checksum = DatasetManifest.from_disk(manifest).checksum
    return [({"seed": spec["seed"]}, spec) for spec in specs(study, manifest, checksum)]


def test_another_process_trains_and_a_failure_is_a_row(tmp_path, tasks):
    broken = {**tasks[1][1], "manifest": str(tmp_path / "nothing.json")}
    rows = list(pool.train_all([tasks[0], ({"seed": 2}, broken)], 1, tmp_path, tmp_path / "log"))
    assert [(row["seed"], row["status"]) for row in rows] == [(1, "measured"), (2, "failed")]
    assert rows[0]["iterations"] == 2 and rows[0]["AP"] is not None
    assert "nothing.json" in rows[1]["reason"] and "\n" not in rows[1]["reason"]
    assert "Traceback" in (tmp_path / "log").read_text()


def test_processes_are_stopped_at_the_end_of_the_time(tmp_path, tasks):
    start = time.monotonic()
    rows = list(pool.train_all(tasks, 1, tmp_path, tmp_path / "log", left=Budget(0.5).left))
    assert [row["status"] for row in rows] == ["not reached"] * 2
    assert time.monotonic() - start < 5
    assert not pool.multiprocessing.active_children()
