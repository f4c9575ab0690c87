"""A new metric needs only its function and its entry in the list of metrics."""

import json
import re
import shutil
from pathlib import Path

import pytest

from rankdet.repository import ROOT
from tests.evaluation.small_case import fresh_python, small_case

FUNCTION = '''"""Mean IoU of true positives."""

from rankdet.evaluation.metrics.matches import Matches


def mean_iou(matches: Matches) -> dict[int, float | None]:
    """Returns the mean IoU of the true positives of each class; None without true positives."""
    found = {}
    for one in matches.per_class():
        iou = one.iou[one.true()]
        found[one.category_id] = float(iou.mean()) if len(iou) else None
    return found
'''
ENTRY = """METRICS: tuple[Metric, ...] = (
    Metric(
        key="mean_iou",
        header="mean IoU",
        meaning="Mean IoU of the true positives at IoU .5, mean over classes.",
        group="olrp",
        better=HIGHER,
        scale=100,
        decimals=1,
        compute="rankdet.evaluation.metrics.mean_iou:mean_iou",
    ),
"""
STUDY = """
import json, sys
from pathlib import Path
from rankdet.report import build_report
from tests.report.fake_study import make_study
folder = Path(sys.argv[1])
build_report(make_study(folder), folder / "html")
"""


def test_a_new_metric_needs_only_its_function_and_its_entry(tmp_path):
    """In a copy of the package, records, leaderboard, run page and `evaluate` show the metric."""
    case = small_case(tmp_path)
    copy = package_copy(tmp_path / "copy")
    (copy / "rankdet/evaluation/metrics/mean_iou.py").write_text(FUNCTION)
    listed = copy / "rankdet/evaluation/metric_list.py"
    text = listed.read_text(encoding="utf-8")
    assert text.count("METRICS: tuple[Metric, ...] = (\n") == 1
    listed.write_text(text.replace("METRICS: tuple[Metric, ...] = (\n", ENTRY), encoding="utf-8")

    out = tmp_path / "metrics.json"
    words = ["-m", "rankdet.cli", "evaluate", *map(str, case.paths), "--out", str(out)]
    printed = fresh_python(*words, cwd=copy)
    result = json.loads(out.read_text())
    value = result["metrics"]["mean_iou"]
    by_class = [one["mean_iou"] for one in result["per_class"].values()]
    known = [iou for iou in by_class if iou is not None]
    assert value == pytest.approx(sum(known) / len(known)) and min(known) >= 0.5
    rows = printed.splitlines()
    at = next(i for i, row in enumerate(rows) if "mean IoU" in row)
    assert f"{100 * value:.1f}" in rows[at + 1].split()

    fresh_python("-c", STUDY, str(tmp_path / "study"), cwd=copy)
    key = "shapes/retinanet/ap/seed1"
    record = json.loads((tmp_path / "study/results/fake" / key / "metrics.json").read_text())
    text = f"{100 * record['metrics']['mean_iou']:.1f}"
    html = tmp_path / "study/html"
    header, *lines = (html / "leaderboard.csv").read_text().splitlines()
    column = header.split(",").index("mean IoU")
    row = next(line for line in lines if line.startswith(f"{key},"))
    assert f"{float(row.split(',')[column]):.1f}" == text
    page = (html / "index.html").read_text()
    assert re.search(r"<th[^>]*>mean IoU", page) and f">{text}<" in page
    page = (html / "runs" / f"{key}.html").read_text()
    assert re.search(rf"<dt[^>]*>mean IoU.*?</dt><dd>{re.escape(text)}", page)


def package_copy(folder: Path) -> Path:
    skipped = shutil.ignore_patterns("__pycache__", "html", "example")
    for name in ("rankdet", "reports", "analysis", "workflows", "config", "tests/report"):
        shutil.copytree(ROOT / name, folder / name, ignore=skipped)
    shutil.copy(ROOT / "tests/__init__.py", folder / "tests/__init__.py")
    return folder
