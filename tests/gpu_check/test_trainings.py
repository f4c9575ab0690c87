"""Small trainings of the check, in this process."""

from pathlib import Path

import pytest

from rankdet.gpu_check import trainings
from rankdet.gpu_check.study import small_study, specs
from rankdet.repository import CONFIG
from rankdet.study.config.check import load_config
from rankdet.training.progress import note_printer
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


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("/tmp/check/run-0", "/tmp/check/run-0"),
        ("/a/results/s/shapes/atss/ap/seed1", "shapes/atss/ap/seed1"),
    ],
)
def test_lines_of_progress_name_a_folder_near_the_root_with_one_slash(folder, name, capsys):
    note_printer(Path(folder))("slow")
    assert capsys.readouterr().err == f"note: {name}: slow\n"
