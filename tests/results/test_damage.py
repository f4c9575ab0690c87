"""Damaged files of finished runs are found by their content."""

import pandas as pd
import pytest

from rankdet.results.damage import damage, set_aside_damaged
from rankdet.results.schemas.metrics import MetricsRecord
from rankdet.results.schemas.run import RunRecord

KEY = "data/det/loss/seed1"


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / KEY
    folder.mkdir(parents=True)
    RunRecord.of(run={"seed": 1}, status="trained").to_disk(folder / "run.json")
    pd.DataFrame({"iteration": range(50)}).to_parquet(folder / "train.parquet")
    (folder / "detections.json").write_text('[{"score": 1}]\n')
    return folder


@pytest.mark.fault("record of a finished run that is cut", tries=40)
@pytest.mark.parametrize("name", ["run.json", "train.parquet", "detections.json"])
def test_a_file_that_was_cut_anywhere_is_damaged(run, name):
    whole = (run / name).read_bytes()
    assert damage(run / name) is None
    for size in range(0, len(whole.rstrip()), max(1, len(whole) // 40)):
        (run / name).write_bytes(whole[:size])
        assert damage(run / name), f"{size} of {len(whole)} bytes"


@pytest.mark.fault("record of a finished run with another content")
@pytest.mark.parametrize(
    "content", ["[]", "{}", '{"schema": "rankdet.run/1"}', "\0\0\0\0", '{"schema": "x", "run": 1}']
)
def test_a_record_of_another_shape_is_damaged(run, content):
    (run / "run.json").write_text(content)
    assert "run.json" in (damage(run / "run.json") or "")


def test_a_missing_file_and_one_of_another_kind_are_not(run):
    (run / "notes.txt").write_text("")
    assert damage(run / "notes.txt") is None
    assert damage(run / "metrics.json") is None


def left(run):
    return sorted(path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file())


def test_what_is_made_from_a_damaged_file_is_set_aside_with_it(run, tmp_path):
    (run / "work").mkdir()
    for folder in ("", "on-test", "epoch-1-of-2"):
        (run / folder).mkdir(exist_ok=True)
        MetricsRecord.of(metrics={}).to_disk(run / folder / "metrics.json")
    (run / "train.parquet").write_bytes(b"PAR1")
    (run / "work" / "run.json").write_text("")
    lines = set_aside_damaged(tmp_path, [KEY])
    assert len(lines) == 1 and "train.parquet is not complete; it is renamed to " in lines[0]
    assert left(run) == [
        "detections.json",
        "epoch-1-of-2/metrics.json.set-aside",
        "metrics.json.set-aside",
        "on-test/metrics.json.set-aside",
        "run.json.set-aside",
        "train.parquet.set-aside",
        "work/run.json",
    ]
    assert set_aside_damaged(tmp_path, [KEY]) == []


def test_a_damaged_evaluation_keeps_the_training_and_the_other_evaluations(run, tmp_path):
    for folder in ("", "on-test"):
        (run / folder).mkdir(exist_ok=True)
        MetricsRecord.of(metrics={}).to_disk(run / folder / "metrics.json")
    (run / "on-test" / "matches.parquet").write_bytes(b"")
    assert len(set_aside_damaged(tmp_path, [KEY])) == 1
    assert [name for name in left(run) if name.endswith("set-aside")] == [
        "on-test/matches.parquet.set-aside",
        "on-test/metrics.json.set-aside",
    ]
