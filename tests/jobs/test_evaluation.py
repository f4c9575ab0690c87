"""The job that evaluates: which files it leaves."""

import json
import shutil
from pathlib import Path

import pytest

from rankdet.jobs.evaluation import evaluate_run
from rankdet.results.layout import SHOWN
from tests.report.fake_study import SWEPT, make_study


@pytest.mark.parametrize(
    ("folder", "kept"), [("", True), ("on-val", True), ("at-0.3", False), ("test-large", False)]
)
def test_pages_show_detections_of_splits_only(tmp_path: Path, folder: str, kept: bool) -> None:
    plan = make_study(tmp_path, runs=(("retinanet", "ap", "", 1, "trained"),))
    run = plan.parent / SWEPT
    place = run / folder
    for old in place.rglob(SHOWN):
        old.unlink()
    place.mkdir(exist_ok=True)
    for name in ("detections.json", "speed.json"):
        if folder:
            shutil.copy(run / name, place / name)
    evaluate_run(
        "val",
        "code",
        str(run / "run.json"),
        str(place / "metrics.json"),
        detections=place / "detections.json",
        dataset_json=plan.parent / "shapes" / "dataset.json",
        out_matches=place / "matches.parquet",
    )
    assert json.loads((place / "metrics.json").read_text())["made_of"]["evaluate"] == "code"
    assert (place / SHOWN).exists() == kept
