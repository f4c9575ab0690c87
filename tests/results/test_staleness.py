"""A run that is older than its plan: noticed from its record, and shown without numbers."""

import json

import pytest

from rankdet.results.status import STALE, run_status

HASHES = {"config": "c1", "loss": "l1", "code": "k1"}
MADE = {"config_hash": "c1", "loss_hash": "l1", "code_hash": "k1", "data_checksum": "d1"}


@pytest.fixture
def run(tmp_path):
    """The folder of a finished run, with its dataset."""
    folder = tmp_path / "shapes/atss/ap/seed1"
    folder.mkdir(parents=True)
    write(folder / "run.json", schema="run", run={}, status="trained", provenance=MADE)
    write(folder / "metrics.json", schema="metrics", status="trained", metrics={"AP": 0.4})
    data = {"name": "shapes", "classes": [], "splits": {}, "checksum": "d1"}
    write(tmp_path / "shapes/dataset.json", schema="dataset", **data)
    return folder


def write(path, schema, **values):
    path.write_text(json.dumps({"schema": f"rankdet.{schema}/1", **values}))


def test_a_run_of_the_plan_is_shown(run):
    assert run_status(run, 0, HASHES).text == "trained, AP 40.0"
    assert run_status(run, 0, {}).text == "trained, AP 40.0"  # not trained: nothing to compare


@pytest.mark.parametrize(
    ("key", "words"), [("config", "the settings"), ("loss", "the loss"), ("code", "the code")]
)
def test_an_older_run_has_a_reason_and_no_numbers(run, key, words):
    found = run_status(run, 0, {**HASHES, key: "other"})
    assert found.status == STALE and found.metrics is None
    assert found.reason.startswith("older than the plan: ") and words in found.reason
    assert run_status(run, 0, None).metrics is not None  # the plan of an old version


def test_several_changes_are_listed(run, tmp_path):
    data = {"name": "shapes", "classes": [], "splits": {}, "checksum": "d2"}
    write(tmp_path / "shapes/dataset.json", schema="dataset", **data)
    reason = run_status(run, 0, {**HASHES, "loss": "l2"}).reason
    assert "the loss and the data changed" in reason


def test_a_record_without_hashes_is_not_compared(run):
    write(run / "run.json", schema="run", run={}, status="trained", provenance={"seed": 1})
    assert run_status(run, 0, {**HASHES, "loss": "l2"}).status == "trained"
