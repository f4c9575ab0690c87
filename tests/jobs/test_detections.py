"""Specs of jobs, and the messages of Snakemake that a user sees."""

import json
import logging
from pathlib import Path
from types import SimpleNamespace

import pytest

from rankdet.errors import InputError
from rankdet.jobs.detections import with_data
from rankdet.jobs.terminal import MessageFilter
from rankdet.repository import ROOT


def test_a_spec_gets_the_checksum_of_its_data(tmp_path: Path) -> None:
    path = tmp_path / "dataset.json"
    spec = {"manifest": str(path), "hashes": {"code": "1"}}
    with pytest.raises(InputError, match=r"dataset\.json is missing"):
        with_data(spec)
    manifest = {"schema": "rankdet.dataset/1", "name": "a", "classes": [], "splits": {}}
    path.write_text(json.dumps({**manifest, "checksum": "sha256:1"}))
    assert with_data(spec)["hashes"] == {"code": "1", "data": "sha256:1"}
    assert spec["hashes"] == {"code": "1"}


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("Select jobs to execute...", False),
        ("Execute 2 jobs...", False),
        ("CalledProcessError in x: python a/scripts/train.py non-zero exit status 1.", False),
        ("CalledProcessError in x: python a/scripts/train.py non-zero exit status 137.", True),
        ("MissingInputException in rule train", True),
    ],
)
def test_bookkeeping_is_hidden(message: str, shown: bool) -> None:
    record = logging.LogRecord("snakemake", logging.INFO, "", 0, message, None, None)
    chosen = MessageFilter(SimpleNamespace(report="nowhere"))
    assert chosen.filter(record) is shown


def test_the_report_is_named_if_there_is_nothing_to_do(tmp_path: Path) -> None:
    page = tmp_path / "index.html"
    page.touch()
    record = logging.LogRecord("s", logging.INFO, "", 0, "Nothing to be done (all)", None, None)
    assert MessageFilter(SimpleNamespace(report=str(page))).filter(record)
    assert record.msg.endswith(f"\nReport: {page}")


def test_scripts_are_short() -> None:
    for path in (ROOT / "workflows" / "scripts").glob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 20, path
