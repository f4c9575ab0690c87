"""Which trainings have barely learned."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from rankdet.results.epochs import at_epoch
from rankdet.results.learning import BARELY_LEARNED, LEARNED_AP50, judged
from rankdet.results.records import read_study
from rankdet.results.status import run_status
from tests.report.fake_study import keep_epoch, make_study


@pytest.mark.parametrize(
    ("ap50", "limit", "barely"),
    [
        (0.0499, LEARNED_AP50, True),
        (0.05, LEARNED_AP50, False),
        (0.0, LEARNED_AP50, True),
        (0.3, 0.31, True),
        (0.0, 0.0, False),  # the rule is switched off
        (None, LEARNED_AP50, False),
        (float("nan"), LEARNED_AP50, False),
    ],
)
def test_a_low_ap50(ap50: float | None, limit: float, barely: bool) -> None:
    status, reason = judged("trained", None, {"AP50": ap50}, limit)
    assert status == (BARELY_LEARNED if barely else "trained")
    if barely:
        assert reason.startswith(f"AP50 {100 * ap50:.1f} is below {100 * limit:g} ")


@pytest.mark.parametrize("status", ["untrained", "given checkpoint", "diverged"])
def test_only_trainings_are_judged(status: str) -> None:
    assert judged(status, "why", {"AP50": 0.0}) == (status, "why")


def test_a_stuck_loss_whatever_its_ap50() -> None:
    stuck = ("collapsed", "loss_cls stayed at 0.99")
    assert judged(*stuck, {"AP50": 0.9}) == (BARELY_LEARNED, stuck[1])
    assert judged(*stuck, {}) == (BARELY_LEARNED, stuck[1])


@pytest.fixture()
def plan(tmp_path: Path) -> Path:
    return make_study(tmp_path, runs=(("retinanet", "ap", "", 1, "trained"),))


def set_limit(plan: Path, limit: float) -> None:
    content = json.loads(plan.read_text())
    content["study"]["learned_ap50"] = limit
    plan.write_text(json.dumps(content))


def test_the_study_sets_the_limit(plan: Path) -> None:
    (run,) = read_study(plan).runs
    ap50 = run.main.metrics["AP50"]
    assert (run.status, run.reason, run.learned) == ("trained", None, True)
    set_limit(plan, ap50 + 0.01)
    (run,) = read_study(plan).runs
    assert (run.status, run.learned) == (BARELY_LEARNED, False)
    assert run.main.metrics["AP50"] == ap50  # its numbers are kept
    text = run_status(run.folder, ap50 + 0.01).text
    assert text == f"barely learned, AP {100 * run.main.metrics['AP']:.1f}"


def test_an_epoch_on_the_way_is_judged_by_the_end_of_its_training(plan: Path) -> None:
    (run,) = read_study(plan).runs
    run = replace(run, planned=run.planned.model_copy(update={"kept_epochs": ("1-of-2",)}))
    place = {"epoch": 1, "of": 2, "own_epoch": 7, "own_epochs": 13, "iteration": 150}
    keep_epoch(run, "1-of-2", place, ap=0.1)
    path = run.folder / "epoch-1-of-2" / "metrics.json"
    content = json.loads(path.read_text())
    content["metrics"]["AP50"] = 0.01
    path.write_text(json.dumps(content))
    assert run.learned and at_epoch(run, "1-of-2").status == "trained"
    lost = replace(run, status=BARELY_LEARNED, reason="AP50 0.1 is below 5")
    early = at_epoch(lost, "1-of-2")
    assert (early.status, early.reason) == (BARELY_LEARNED, lost.reason)
