"""How the rate of a run was chosen, in words; a card that cites a record of `rankdet tune`."""

import pytest

from rankdet.errors import InputError
from rankdet.results.schemas.tuning import TuningRecord
from rankdet.study import cards
from rankdet.study.tuned import FROM_PAPER, NOT_TUNED, OF_STUDY, how_tuned
from tests.study.tiny import group, study

TRIAL = {
    "factor": 2.0, "lr": 0.02, "key": "k", "rung": 2, "score": 0.3, "outcome": "trained",
    "iterations": 184, "epochs": 8, "seconds": 9.0,
}  # fmt: skip
PACE = {"key": "k", "epochs": 8, "iterations": 23, "iteration": 0.1, "image": 0.1}
SEARCH = {
    "detector": "retinanet", "loss": "ap+iou+sb", "rate": 0.01, "schedule": {},
    "pace": {**PACE, "images": 4, "rest": 1.0, "start": 2.0},
    "candidates": [{"factor": f, "lr": 0.01 * f} for f in (1, 0.5, 2, 0.25, 4)],
    "rungs": [], "trials": [TRIAL], "best": TRIAL, "learned": True, "iterations": 1500,
}  # fmt: skip
DATA = {"name": "shapes", "kind": "shapes", "words": "held-out shapes", "split": "val", "seed": 1}
RECORD = {
    "study": "smoke", "preset": "small", "seeds": {}, "jobs": 2, "hardware": {}, "versions": {},
    "data": {**DATA, "train_images": 96, "held_out_images": 48, "checksum": "c"},
    "started": "2026-11-26T00:00:00+00:00",
}  # fmt: skip


def words(folder, loss="ap+sb+iou", lr=0.02, own=None, search=None, cited="tuned.json", **changes):
    """How the rate of a run was chosen, if its card cites a record in `folder`."""
    record = {**RECORD, "searches": [{**SEARCH, **(search or {})}]}
    TuningRecord.of(**{**record, **changes}).to_disk(folder / "tuned.json")
    (run,) = study(runs=[group(detectors=["retinanet"], losses=[loss])], untrained=False).runs
    card = {**run.model.card, "training": {"lr": {"small": own or lr}, "tuned": cited}}
    return how_tuned(run, card, run.preset, {**run.schedule, "lr": lr}, folder)


def test_a_rate_of_the_record_is_said_with_its_budget(tmp_path):
    assert words(tmp_path) == "rate 0.02: best of 5, 1,500 iterations, held-out shapes"
    assert words(tmp_path, search={"edge": True}).endswith(
        "held-out shapes, on the edge of the grid"
    )


def test_a_rate_of_the_study_may_be_the_one_that_was_tuned(tmp_path):
    assert words(tmp_path, own=0.01).startswith("rate 0.02: best of 5")
    other = words(tmp_path, lr=0.03, own=0.02)
    assert other == f"{OF_STUDY}; the best of 5 was 0.02 (held-out shapes)"


@pytest.mark.parametrize(
    "changes",
    [
        {"loss": "ap+iou"},  # another loss
        {"search": {"detector": "atss"}},
        {"search": {"backbone": "r101"}},
        {"search": {"learned": False}},
        {"search": {"best": None}},  # the search goes on
        {"preset": "full"},
        {"cited": None},
        {"cited": "none.json"},
    ],
)
def test_no_other_rate_is_called_tuned(tmp_path, changes):
    assert words(tmp_path, **changes) == NOT_TUNED


def test_full_detectors_have_the_rates_of_the_papers():
    full = study(preset="full")
    found = {how_tuned(r, r.model.card, r.preset, r.schedule) for r in full.runs if r.trained}
    assert found == {FROM_PAPER}
    own = study(preset="full", schedule={"image_size": 64, "batch_size": 2, "epochs": 1, "lr": 0.1})
    for run in own.runs:
        expected = OF_STUDY if run.trained else ""
        assert how_tuned(run, run.model.card, run.preset, run.schedule) == expected


def test_the_plan_says_how_each_rate_was_chosen():
    entries = study().plan()["runs"]
    # The cards cite a search on other data; where it has another rate, that follows.
    assert {(entry["untrained"], entry["tuning"].partition(";")[0]) for entry in entries} == {
        (True, ""),
        (False, NOT_TUNED),
    }
    assert any("; the best of 5 was " in entry["tuning"] for entry in entries)


@pytest.fixture
def card(tmp_path):
    """Writes a loss that cites a record, in a repository of its own folder."""

    def write(cited):
        folder = tmp_path / "workflows" / "losses"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "mine.py").write_text(
            'CARD = {"name": "mine", "title": "Mine",\n"classification": {"type": "Mine"},\n'
            f'"training": {{"tuned": {cited!r}}}}}\nclass Mine:\n    pass\n'
        )
        return cards.load_loss("mine", folder, tmp_path)

    return write


def test_a_card_may_cite_a_record(card, tmp_path):
    TuningRecord.of(**RECORD, searches=[SEARCH]).to_disk(tmp_path / "tuned.json")
    assert card("tuned.json").card["training"] == {"tuned": "tuned.json"}


@pytest.mark.parametrize(
    ("cited", "told"),
    [
        ("none.json", "found 'none.json'; none.json is missing"),
        ("../tuned.json", "which is not in the repository"),
        ("plan.json", "has schema 'rankdet.plan/1', expected 'rankdet.tuning/1'"),
        (3, "found 3; it should be a valid string"),
    ],
)
def test_a_wrong_citation_is_one_line(card, tmp_path, cited, told):
    (tmp_path / "plan.json").write_text('{"schema": "rankdet.plan/1"}')
    with pytest.raises(InputError, match=r"mine\.py:3: CARD training\.tuned: ") as error:
        card(cited)
    assert told in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("rate", [0.01, {"focal": 0.01}])
def test_a_rate_of_a_group_may_be_equal_to_the_card(tmp_path, rate):
    named = group(detectors=["retinanet"], losses=["focal"], schedule={"lr": rate})
    (run,) = study(runs=[named], untrained=False).runs
    assert run.model.card["training"]["lr"]["small"] == run.schedule["lr"] == 0.01
    chosen = how_tuned(run, run.model.card, run.preset, run.schedule, tmp_path)
    assert chosen.partition(";")[0] == OF_STUDY
