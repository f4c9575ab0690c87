"""The workflow from a config to a report, with failing runs."""

import json

import pytest


def test_a_failing_run_is_one_line_and_stops_no_other(troubled):
    _, seen = troubled
    failing = seen["failing"]
    assert failing.returncode != 0
    lines = sorted(line for line in failing.stderr.splitlines() if line.startswith("error:"))
    killed, failed = lines
    assert killed.startswith(
        "error: train shapes/retinanet/alrp+no-sb/seed1: the process was killed"
    )
    assert failed == (
        "error: train shapes/retinanet/ap/seed1: ValueError: the loss "
        "(log: results/tiny/shapes/retinanet/ap/seed1/logs/train.log)"
    )
    assert "Traceback" not in failing.stderr
    assert "done: evaluate (val) shapes/retinanet/focal/seed1" in failing.stderr


def test_failures_are_recorded_with_their_reason(troubled):
    _, seen = troubled
    reasons = {loss: json.loads(text)["reason"] for loss, text in seen["records"].items()}
    assert reasons["ap"] == "ValueError: the loss"
    assert reasons["alrp+no-sb"].startswith("the process was killed (SIGKILL)")
    assert "failed: shapes/retinanet/ap/seed1: ValueError: the loss" in seen["failing"].stderr


def test_unfinished_study_has_a_partial_report(troubled):
    _, seen = troubled
    if "no partial report" in seen["failing"].stderr:
        pytest.fail(seen["failing"].stderr)
    assert seen["report"]
    assert "Partial report: reports/html/tiny/index.html" in seen["failing"].stderr


def test_a_repaired_study_continues_and_keeps_finished_runs(troubled):
    box, seen = troubled
    mended = seen["mended"]
    assert mended.returncode == 0, mended.stderr
    assert seen["before"] == seen["after"]
    assert mended.stderr.rstrip().endswith("Report: reports/html/tiny/index.html")
    run = box.root / "results/tiny/shapes/retinanet/ap/seed1"
    assert not (run / "work").exists()


def test_a_run_on_disk(troubled):
    box, _ = troubled
    run = box.root / "results/tiny/shapes/retinanet/alrp+no-sb/seed1"
    for place in (run, run / "on-train"):
        for name in (
            "detections.json",
            "speed.json",
            "metrics.json",
            "matches.parquet",
            "shown.kept",
        ):
            assert (place / name).is_file(), place / name
    assert "a line of the log" in (run / "logs" / "train.log").read_text()
    record = json.loads((run / "metrics.json").read_text())
    assert record["metrics"]["AP"] == pytest.approx(1.0)  # the detections are the truth
    assert record["run"]["variant"] == "no-sb"
    assert record["dataset"]["split"] == "val"
    manifest = json.loads((box.root / "results/tiny/shapes/dataset.json").read_text())
    assert record["provenance"]["data_checksum"] == manifest["checksum"]
    untrained = box.root / "results/tiny/shapes/retinanet/untrained/seed1/metrics.json"
    assert json.loads(untrained.read_text())["status"] == "untrained"


def test_plan_on_disk_lists_all_runs(troubled):
    box, _ = troubled
    plan = json.loads((box.root / "results/tiny/plan.json").read_text())
    assert [run["key"] for run in plan["runs"]] == [
        "shapes/retinanet/untrained/seed1",
        "shapes/retinanet/focal/seed1",
        "shapes/retinanet/ap/seed1",
        "shapes/retinanet/alrp+no-sb/seed1",
    ]
    assert plan["tables"] == [{"id": "alrp/table2", "spec": "analysis/papers/alrp/table2.yaml"}]
    for run in plan["runs"]:
        assert (box.root / run["dir"]).is_dir()


def test_second_run_has_nothing_to_do(troubled):
    box, _ = troubled
    again = box.snakemake()
    assert again.returncode == 0, again.stderr
    assert "Nothing to be done" in again.stdout + again.stderr
    assert "Report: reports/html/tiny/index.html" in again.stdout + again.stderr
