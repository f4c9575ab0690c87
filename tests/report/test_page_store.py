"""Stored pages of runs: a second report is the same, and a changed run is made again."""

import json
import os
import shutil
from pathlib import Path

import pytest

from rankdet.report import build_report
from rankdet.report.page_store import FOLDER
from tests.report.fake_study import SWEPT, make_study

RUNS = (
    ("retinanet", "focal", "", 1, "trained"),
    ("retinanet", "ap", "", 1, "trained"),
    ("retinanet", "ap", "", 2, "failed"),
)


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_study(tmp_path_factory.mktemp("stored"), runs=RUNS)


def content(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def stored(plan: Path) -> set[str]:
    return {path.name for path in (plan.parent / FOLDER).iterdir()}


def test_stored_pages_give_the_same_report(plan: Path, tmp_path: Path) -> None:
    first = content(build_report(plan, tmp_path / "a").parent)
    known = stored(plan)
    assert len(known) == len(RUNS)
    assert content(build_report(plan, tmp_path / "b").parent) == first
    assert any(name.endswith(".webp") for name in first)  # images of stored pages are there
    assert any(name.endswith("metrics.csv") for name in first)
    assert stored(plan) == known
    shutil.rmtree(plan.parent / FOLDER)
    assert content(build_report(plan, tmp_path / "c").parent) == first


def test_only_a_changed_run_is_made_again(plan: Path, tmp_path: Path) -> None:
    build_report(plan, tmp_path / "a")
    before = stored(plan)
    os.utime(plan.parent / SWEPT / "detections.json", ns=(1, 1))
    build_report(plan, tmp_path / "b")
    assert len(before & stored(plan)) == len(RUNS) - 1
    assert len(stored(plan)) == len(RUNS)  # the page of the older state is gone


def test_a_damaged_page_is_made_again(plan: Path, tmp_path: Path) -> None:
    first = content(build_report(plan, tmp_path / "a").parent)
    for path in (plan.parent / FOLDER).iterdir():
        path.write_bytes(b"x\x9c cut")
    assert content(build_report(plan, tmp_path / "b").parent) == first


def test_images_that_cannot_be_read_are_said_each_time(plan: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    shutil.copytree(plan.parents[1], results)
    (results / "fake/shapes/data/val.json").write_text("{")
    there = results / "fake" / "plan.json"
    of_copied_data(there)
    for name in "ab":
        page = build_report(there, tmp_path / name).parent / f"runs/{SWEPT}.html"
        assert "annotations cannot be read" in page.read_text()


def of_copied_data(plan: Path) -> None:
    """Lets the manifest of a copied study name the copied data."""
    manifest = plan.parent / "shapes" / "dataset.json"
    found = json.loads(manifest.read_text())
    for name, split in found["splits"].items():
        split["annotations"] = str(plan.parent / f"shapes/data/{name}.json")
        split["images"] = str(plan.parent / f"shapes/data/{name}")
    manifest.write_text(json.dumps(found))
