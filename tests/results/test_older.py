"""Detections and metrics that are older than their plan, or were edited after they were made."""

import json
import os

import pytest

from rankdet.results.older import older_evaluation
from rankdet.results.seals import seal_detections, seal_metrics

PLANNED = {"test": "t1", "test-large": "t2", "evaluate": "e1"}


@pytest.fixture
def run(tmp_path):
    """The folder of an evaluated run with another test."""
    folder = tmp_path / "seed1"
    (folder / "test-large").mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"provenance": {"started": "1"}}))
    for place, test in ((folder, "t1"), (folder / "test-large", "t2")):
        (place / "detections.json").write_text('[{"score": 0.9}]')
        (place / "matches.parquet").write_bytes(b"PAR1 matches PAR1")
        (place / "speed.json").write_text(json.dumps({"images": 3}))
        (place / "metrics.json").write_text(json.dumps({"metrics": {"AP": 0.4}}))
        seal_detections(place, folder, test)
        os.utime(place / "detections.json")  # as Snakemake does when the job has ended
        seal_metrics(place, folder, "e1")
        for name in ("matches.parquet", "metrics.json"):
            os.utime(place / name)
    return folder


def both(run, planned=PLANNED):
    found = [older_evaluation(place, planned) for place in (run, run / "test-large")]
    return [(one.path.name, one.why) if one else None for one in found]


def test_what_the_plan_says_is_not_older(run):
    assert both(run) == [None, None]
    (run / "detections.json").unlink()
    assert both(run) == [None, None]  # Snakemake makes what is missing


@pytest.mark.parametrize(
    ("name", "older"),
    [
        ("detections.json", ("metrics.json", "its detections changed")),
        ("matches.parquet", ("matches.parquet", "matches.parquet was edited")),
    ],
)
def test_a_link_to_itself_is_not_what_it_was(run, name, older):
    (run / name).unlink()
    (run / name).symlink_to(name)
    assert both(run) == [older, None]


def test_a_plan_with_other_hashes(run):
    settings = "the settings or the code of its test changed"
    assert both(run, {**PLANNED, "test-large": "x"}) == [None, ("detections.json", settings)]
    assert both(run, {**PLANNED, "test": "x"}) == [("detections.json", settings), None]
    found = both(run, {**PLANNED, "evaluate": "x"})
    assert found == [("metrics.json", "the code of evaluation changed")] * 2
    assert both(run, {}) == [None, None]  # imported detections have no test


def test_another_training_makes_both_again(run):
    (run / "run.json").write_text(json.dumps({"provenance": {"started": "2"}}))
    assert both(run) == [("detections.json", "its training changed")] * 2


@pytest.mark.parametrize(
    ("name", "old", "new", "made"),
    [
        ("detections.json", "0.9", "0.8", "detections.json"),
        ("speed.json", "3", "4", "detections.json"),
        ("metrics.json", "0.4", "0.5", "metrics.json"),
    ],
)
def test_one_other_digit_is_noticed_and_another_time_is_not(run, name, old, new, made):
    path = run / name
    os.utime(path, ns=(1, 1))
    assert both(run) == [None, None]
    path.write_text(path.read_text().replace(old, new, 1))
    assert both(run) == [(made, f"{name} was edited"), None]


@pytest.mark.parametrize("content", [b"PAR1 Matches PAR1", b"PAR1 others PAR1 of another run"])
def test_matches_of_another_run_are_noticed_and_another_time_is_not(run, content):
    path = run / "matches.parquet"
    os.utime(path, ns=(1, 1))
    assert both(run) == [None, None]
    path.write_bytes(content)
    for file in (path, run / "metrics.json"):  # as a copy without times
        os.utime(file, ns=(2, 2))
    assert both(run) == [("matches.parquet", "matches.parquet was edited"), None]
    path.unlink()
    assert both(run) == [None, None]  # Snakemake makes what is missing


def test_detections_that_were_made_again_need_another_evaluation(run):
    (run / "detections.json").write_text('[{"score": 0.8}]')
    seal_detections(run, run, "t1")
    assert both(run) == [("metrics.json", "its detections changed"), None]


def test_files_of_an_old_version_are_not_compared(run):
    for name in ("speed.json", "metrics.json"):
        record = json.loads((run / name).read_text())
        del record["made_of"]
        (run / name).write_text(json.dumps(record))
    (run / "detections.json").write_text("[]")
    assert both(run)[0] is None
