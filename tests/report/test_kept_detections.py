"""A report does not need `detections.json`, and is the same with it alone."""

import shutil
from pathlib import Path

import pytest

from rankdet.report import build_report
from rankdet.results.layout import DETECTIONS, SHOWN
from tests.report.fake_study import SWEPT, make_study
from tests.report.test_page_store import content

RUNS = tuple(("retinanet", loss, "", 1, "trained") for loss in ("focal", "ap", "alrp"))


def made_anew(plan: Path, folder: Path) -> dict[str, bytes]:
    """The files of a report of which no page is stored."""
    shutil.rmtree(plan.parent / "pages", ignore_errors=True)
    return content(build_report(plan, folder).parent)


def test_pages_are_the_same_with_either_file(tmp_path: Path) -> None:
    plan = make_study(tmp_path, runs=RUNS)
    both = made_anew(plan, tmp_path / "both")
    hidden = {path: path.read_bytes() for path in plan.parent.rglob(DETECTIONS)}
    assert len(hidden) > len(RUNS)
    for path in hidden:
        path.unlink()
    assert made_anew(plan, tmp_path / "kept") == both
    for path, whole in hidden.items():
        path.write_bytes(whole)
    for path in plan.parent.rglob(SHOWN):
        path.unlink()
    assert made_anew(plan, tmp_path / "read") == both


@pytest.mark.fault("what an evaluation kept for pages, cut, edited, renamed or of another run")
def test_what_was_kept_of_another_run_is_not_shown(tmp_path: Path) -> None:
    plan = make_study(tmp_path, runs=RUNS)
    whole = made_anew(plan, tmp_path / "whole")
    other = plan.parent / "shapes" / "retinanet" / "focal" / "seed1" / SHOWN
    shutil.copy(other, plan.parent / SWEPT / SHOWN)
    assert made_anew(plan, tmp_path / "other") == whole
