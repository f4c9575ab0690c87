"""A search with computed trainings: equal work, halving, the record, and what is made again."""

import json
import subprocess
import sys

import pytest

from rankdet.errors import InputError
from rankdet.repository import ROOT
from rankdet.results.schemas.tuning import TuningRecord
from rankdet.tuning import pilot, search
from rankdet.tuning.halving import candidates
from rankdet.tuning.outcome import other_plans
from rankdet.tuning.search import Settings, run_search
from rankdet.tuning.words import outcome_lines
from tests.tuning.studies import SHAPES, Trainings, study

LONG = {"image_size": 128, "batch_size": 4, "iterations": 8, "warmup": 4, "lr_steps": [0.8]}


def peak(best):
    """AP that falls with the distance of the rate from `best`."""
    return lambda spec: 0.5 - min(0.4, abs(spec["schedule"]["lr"] - best))


@pytest.fixture
def searched(tmp_path, monkeypatch):
    """Runs a search; returns its record, the lines and the specs of its trials."""

    def run(
        trainings, losses=("focal", "ap"), factors=(0.5, 1, 2), clips=(), warmups=(), **options
    ):
        lines = []
        monkeypatch.setattr(search, "train_all", trainings)
        monkeypatch.setattr(pilot, "train_all", Trainings(lambda spec: 0.1))
        made = study(tmp_path, schedule=LONG, **options.pop("config", {}))
        chosen = {"budget": None, "jobs": 1, "out": tmp_path / "tiny.json", **options}
        detectors, tried = ["retinanet"], candidates(factors, clips, warmups)
        given = Settings(made, "shapes", detectors, losses, tried, **chosen)
        return run_search(given, lines.append), lines

    return run


def test_every_loss_gets_the_same_trainings_and_the_best_of_the_last_rung_wins(searched, tmp_path):
    trainings = Trainings(peak(0.01))
    record, lines = searched(trainings, factors=(0.25, 0.5, 1, 2, 4))
    focal, ap = record.searches
    for one in (focal, ap):
        assert [(r.candidates, r.epochs, r.iterations) for r in one.rungs] == [(5, 2, 4), (3, 4, 8)]
        assert [t.rung for t in one.trials] == [1] * 5 + [2] * 3
        assert one.best.lr == pytest.approx(0.01) and one.best.rung == 2
        assert not one.edge and one.learned
        assert one.iterations == 5 * 4 + 3 * 8 == sum(t.iterations for t in one.trials)
    assert len(trainings.specs) == 16
    assert TuningRecord.from_disk(tmp_path / "tiny.json") == record
    assert any("16 trainings, 1 at a time: about" in line for line in lines)
    assert record.finished and record.versions["torch"] and record.hardware["cpu"]


def test_a_shorter_training_is_the_whole_schedule_shrunk(searched):
    trainings = Trainings(peak(0.01))
    searched(trainings, losses=["focal"], clips=[None, 10.0])
    first, last = trainings.specs[0], trainings.specs[-1]
    assert (first["schedule"]["epochs"], first["schedule"]["warmup"]) == (2, 2)
    assert (last["schedule"]["epochs"], last["schedule"]["warmup"]) == (4, 4)
    for spec in trainings.specs:
        assert "iterations" not in spec["schedule"] and spec["schedule"]["lr_steps"] == [0.8]
        assert spec["splits"] == ["val"] and spec["seed"] == 1001 and spec["threads"] == 1
    clips = {spec["schedule"].get("grad_clip") for spec in trainings.specs}
    assert clips == {None, 10.0}
    assert len({spec["hashes"]["config"] for spec in trainings.specs}) == len(trainings.specs)


def test_a_run_that_collapses_or_diverges_scores_zero(searched):
    def ap(spec):
        return {0.02: "collapsed", 0.01: "diverged"}.get(spec["schedule"]["lr"], 0.05)

    record, lines = searched(Trainings(ap), losses=["focal"])
    (one,) = record.searches
    assert {(t.lr, t.score) for t in one.trials if t.rung == 1} == {
        (0.005, 0.05),
        (0.01, 0),
        (0.02, 0),
    }
    assert {t.AP for t in one.trials if t.outcome == "collapsed"} == {0.9}  # it stays in the record
    assert one.best.lr == 0.005 and (one.edge, one.edge_side) == (True, "lowest")
    assert "the lowest that was tried" in lines[-1] and "--rates 0.25,0.5,1,2" in lines[-1]


def test_if_nothing_learns_the_record_says_so(searched):
    record, lines = searched(Trainings(lambda spec: "diverged"), losses=["focal"])
    (one,) = record.searches
    assert not one.learned and one.best.lr == 0.005  # equal scores: the lower rate
    assert not any("that was tried" in line for line in lines)  # no advice on rates
    _, row, told = outcome_lines(record)
    assert "nothing learned" in row and "0.005" not in row
    assert told.startswith("retinanet focal: nothing learned: no training of the last rung reached")


def test_candidates_that_are_one_training_train_once(searched):
    """A warm-up of 4 or 5 iterations has 2 of them in half of the schedule."""
    trainings = Trainings(peak(0.01))
    record, _ = searched(trainings, losses=["focal"], factors=(1, 2), warmups=(4, 5))
    (one,) = record.searches
    assert [len(trainings.specs), one.rungs[0].candidates] == [2 + 2, 4]
    assert [t.warmup for t in one.trials if t.rung == 1] == [4, 5, 4, 5]
    assert one.best.warmup in (4, 5) and one.best in one.trials
    assert one.iterations == sum({t.key: t.iterations for t in one.trials}.values())
    again = Trainings(peak(0.01))
    (other,) = searched(again, losses=["focal"], factors=(1, 2), warmups=(4, 5))[0].searches
    assert again.specs == [] and (other.best, other.trials) == (one.best, one.trials)


def test_a_search_that_barely_learned_says_so(searched, monkeypatch):
    row = Trainings.row
    monkeypatch.setattr(Trainings, "row", lambda self, spec: {**row(self, spec), "AP50": 0.049})
    record, _ = searched(Trainings(peak(0.01)), losses=["focal"])
    assert record.searches[0].best.score > 0 and not record.searches[0].learned
    assert any("nothing learned" in line for line in outcome_lines(record))


def test_trials_of_the_record_are_not_made_again(searched, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        searched(Trainings(peak(0.02), most=4))
    half = TuningRecord.from_disk(tmp_path / "tiny.json")
    assert sum(len(one.trials) for one in half.searches) == 4 and half.finished is None
    assert not [path for path in tmp_path.iterdir() if "work" in path.name]
    rest = Trainings(peak(0.02))
    record, lines = searched(rest)
    assert len(rest.specs) == 6 - 4
    assert any("rung 1: 4 trials are in" in line for line in lines)
    (tmp_path / "tiny.json").unlink()
    whole, _ = searched(Trainings(peak(0.02)))
    for one, other in zip(record.searches, whole.searches, strict=True):
        assert [t.key for t in one.trials] == [t.key for t in other.trials]
        assert one.best == other.best
    none = Trainings(peak(0.02))
    assert searched(none)[0].searches[0].best == whole.searches[0].best and none.specs == []


def test_a_wider_grid_reuses_the_trials_and_keeps_other_losses(searched):
    narrow, wide = (0.5, 1, 2, 3), (0.5, 1, 2, 3, 4)
    searched(Trainings(peak(0.04)), factors=narrow)
    more = Trainings(peak(0.04))
    record, _ = searched(more, losses=["focal"], factors=wide)
    tried = [(spec["schedule"]["lr"], spec["schedule"]["epochs"]) for spec in more.specs]
    assert (0.04, 2) in tried and (0.01, 2) not in tried and (0.02, 2) not in tried
    focal, ap = sorted(record.searches, key=lambda one: one.loss != "focal")
    assert {t.factor for t in focal.trials} == {*wide} and focal.best.lr == 0.04
    assert {t.factor for t in ap.trials} == {*narrow}
    assert other_plans(record, ["retinanet"], ["focal"]) == ["retinanet ap"]


def test_trials_at_other_rates_are_not_replaced(searched):
    searched(Trainings(peak(0.04)))
    with pytest.raises(InputError, match=r"give --rates 0\.5,1,2,4, or another file with --out"):
        searched(Trainings(peak(0.04)), losses=["focal"], factors=(2, 4))


def test_a_budget_cuts_the_search_alike_for_every_loss(searched, tmp_path):
    full, _ = searched(Trainings(peak(0.01)), factors=(0.25, 0.5, 1, 2, 4))
    (tmp_path / "tiny.json").unlink()
    cut, _ = searched(Trainings(peak(0.01)), factors=(0.25, 0.5, 1, 2, 4), budget=15.0)
    for one, other in zip(full.searches, cut.searches, strict=True):
        assert 0 < other.iterations < one.iterations
    assert len({one.iterations for one in cut.searches}) == 1
    assert cut.budget_minutes == 0.25
    with pytest.raises(
        InputError, match=r"--budget 0.01: one short training of each of the 2 pairs"
    ):
        searched(Trainings(peak(0.01)), budget=0.6)


def test_two_searches_at_once_do_not_write_one_record(searched, tmp_path):
    code = "import sys, pathlib; from rankdet.training.lock import WriterLock; " + (
        "WriterLock(pathlib.Path(sys.argv[1])).acquire(print); print('held', flush=True); input()"
    )
    words = [sys.executable, "-c", code, str(tmp_path / ".tiny.json.lock")]
    with subprocess.Popen(words, stdin=-1, stdout=-1, text=True, cwd=ROOT) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(InputError, match=r"process \d+.* is writing it; wait until it has"):
            searched(Trainings(peak(0.01)))
        other.communicate("\n")
    record, _ = searched(Trainings(peak(0.01)))
    assert record.finished and not list(tmp_path.glob(".*.lock"))


def test_a_budget_never_replaces_a_larger_search(searched, tmp_path):
    rates = (0.25, 0.5, 1, 2, 4)
    whole, _ = searched(Trainings(peak(0.01)), factors=rates)
    none = Trainings(peak(0.01))
    told = r"tiny.json: retinanet focal: its search has 5 candidates and 4 epochs, and the budget"
    with pytest.raises(InputError, match=told):
        searched(none, factors=rates, budget=10.0)
    assert none.specs == [] and TuningRecord.from_disk(tmp_path / "tiny.json") == whole


def test_a_training_that_fails_ends_the_search_and_the_others_stay(searched, tmp_path):
    def ap(spec):
        return "OSError: no space" if spec["schedule"]["lr"] == 0.02 else 0.1

    with pytest.raises(InputError, match="retinanet focal: a training failed: OSError: no space"):
        searched(Trainings(ap), losses=["focal"])
    (one,) = TuningRecord.from_disk(tmp_path / "tiny.json").searches
    assert {t.lr for t in one.trials} == {0.005, 0.01} and one.best is None


def test_a_record_of_other_data_or_another_study_is_refused(searched, tmp_path):
    searched(Trainings(peak(0.01)), losses=["focal"])
    with pytest.raises(InputError, match="its trials are from other data"):
        searched(Trainings(peak(0.01)), config={"datasets": {"shapes": {**SHAPES, "seed": 7}}})
    with pytest.raises(InputError, match="of the study 'tiny', not 'other'"):
        searched(Trainings(peak(0.01)), config={"study": "other"})
    (tmp_path / "tiny.json").write_text(json.dumps({"schema": "rankdet.run/1"}))
    with pytest.raises(InputError, match=r"has schema 'rankdet.run/1'.*name another file"):
        searched(Trainings(peak(0.01)))
