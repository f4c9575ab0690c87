"""The status of a run, decided from the files in its folder."""

import json
from pathlib import Path

import pytest

from rankdet.results import failures
from rankdet.results.status import run_status

RUN = {"schema": "rankdet.run/1", "run": {}, "status": "trained"}
METRICS = {"schema": "rankdet.metrics/1", "status": "trained", "metrics": {"AP": 0.415}}


@pytest.fixture()
def folder(tmp_path: Path) -> Path:
    return tmp_path / "run"


def write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))


def found(folder: Path) -> tuple[str, str | None, str]:
    status = run_status(folder)
    return status.status, status.reason, status.text


def test_a_run_from_its_start_to_its_metrics(folder: Path) -> None:
    assert found(folder) == ("not run", "not run yet", "not run yet")
    write(folder / "work" / "state.json", {})
    assert found(folder)[1] == "started, not finished yet"
    write(folder / "work" / "train.jsonl", "{}\n{}\n")
    assert found(folder)[:2] == ("not run", "started, at iteration 2")
    write(folder / "run.json", RUN)
    assert found(folder)[:2] == ("not evaluated", "trained, not evaluated yet")
    write(folder / "metrics.json", METRICS)
    assert found(folder) == ("trained", None, "trained, AP 41.5")


def test_a_job_that_fails_after_the_evaluation_keeps_the_metrics(folder: Path) -> None:
    write(folder / "run.json", RUN)
    write(folder / "metrics.json", METRICS)
    failures.record_failure(folder, "lrp-check run", "no package")
    text = "trained, AP 41.5; failed after that: no package"
    assert found(folder) == ("trained", None, text)
    assert run_status(folder).metrics is not None


def test_a_training_that_fails_hides_the_metrics_of_an_earlier_one(folder: Path) -> None:
    write(folder / "run.json", RUN)
    write(folder / "metrics.json", METRICS)
    failures.record_failure(folder, "train run", "no gradient")
    assert found(folder) == ("failed", "no gradient", "failed: no gradient")
    assert run_status(folder).metrics is None
    assert run_status(folder).problem == "failed: no gradient"


def test_a_job_that_fails_before_the_evaluation_is_the_reason(folder: Path) -> None:
    write(folder / "run.json", RUN)
    failures.record_failure(folder, "predict (val) run", "out of memory")
    assert found(folder)[:2] == ("failed", "out of memory")


@pytest.mark.parametrize("status", ["diverged", "untrained", "given checkpoint"])
def test_what_the_training_decided_counts(folder: Path, status: str) -> None:
    write(folder / "run.json", {**RUN, "status": status, "reason": "why"})
    write(folder / "metrics.json", {**METRICS, "metrics": {"AP": None}})
    assert found(folder) == (status, "why", status)


def test_a_stuck_or_weak_training_has_barely_learned(folder: Path) -> None:
    write(folder / "run.json", {**RUN, "status": "collapsed", "reason": "loss_cls stayed at 1"})
    write(folder / "metrics.json", {**METRICS, "metrics": {"AP": 0.2, "AP50": 0.3}})
    text = "barely learned, AP 20.0"
    assert found(folder) == ("barely learned", "loss_cls stayed at 1", text)
    write(folder / "run.json", RUN)
    assert found(folder)[0] == "trained"
    write(folder / "metrics.json", {**METRICS, "metrics": {"AP": 0.009, "AP50": 0.045}})
    assert found(folder)[0] == "barely learned" and "AP50 4.5 is below 5 " in found(folder)[1]


def test_a_diverged_run_is_diverged_before_it_is_evaluated(folder: Path) -> None:
    write(folder / "run.json", {**RUN, "status": "diverged", "reason": "not finite"})
    assert found(folder)[:2] == ("diverged", "not finite")


@pytest.mark.parametrize(
    ("name", "content", "status", "reason"),
    [
        ("run.json", "{", "failed", "run.json cannot be read"),
        ("run.json", {**RUN, "schema": "rankdet.run/9"}, "failed", "has schema 'rankdet.run/9'"),
        ("run.json", {**RUN, "status": 3}, "failed", "run.json is damaged: status: "),
        ("metrics.json", "[]", "not evaluated", "metrics.json is not a JSON object"),
        (
            "metrics.json",
            {**METRICS, "metrics": {"AP": "x"}},
            "not evaluated",
            "d: metrics.AP: should be",
        ),
        ("work/failure.json", "{", "failed", "failure.json cannot be read"),
    ],
)
def test_damaged_records_are_a_reason(
    folder: Path, name: str, content: object, status: str, reason: str
) -> None:
    write(folder / "run.json", RUN)
    if name == "run.json":
        write(folder / "metrics.json", METRICS)
    write(folder / name, content)
    result = run_status(folder)
    assert result.status == status
    assert reason in (result.reason or "") and "\n" not in (result.reason or "")


@pytest.mark.parametrize("left", [None, "{", json.dumps({**RUN, "schema": "rankdet.run/9"})])
def test_metrics_without_the_record_of_their_training_are_not_used(
    folder: Path, left: str | None
) -> None:
    """Whether they are older than the plan cannot be known."""
    write(folder / "metrics.json", METRICS)
    if left:
        write(folder / "run.json", left)
    status = run_status(folder)
    assert status.status == ("failed" if left else "not run")
    assert status.metrics is None
    assert status.problem == "run.json of its training is missing or cannot be read"
