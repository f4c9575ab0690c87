"""Pairs of detector and loss that are not sensible are refused at plan time, with the reason."""

import pytest

from rankdet.errors import InputError
from rankdet.study import cards, compatibility, detectors
from rankdet.study.config.check import check_config
from rankdet.study.plan import Study

CARD = {"name": "mine", "classification": {"type": "APLoss"}, "box": {"type": "giou"}}
DETECTOR = {"name": "atss", "family": "dense-anchor", "offers": ["centerness"]}


def test_a_pair_is_sensible_unless_something_speaks_against_it():
    assert compatibility.objection(DETECTOR, "mine", "", CARD) is None
    assert compatibility.objection(DETECTOR, "mine", "some+variants", CARD) is None


@pytest.mark.parametrize("name", ["atss", "dense-anchor"])
def test_a_card_names_detectors_or_families(name):
    card = {**CARD, "not_with": {name: "no reason at all"}}
    assert compatibility.objection(DETECTOR, "mine", "", card) == "no reason at all"


def test_a_detector_names_losses_or_variants():
    one = {**DETECTOR, "not_with": {"mine+b": "not in this way"}}
    assert compatibility.objection(one, "mine", "a+b", CARD) == "not in this way"
    assert compatibility.objection(one, "mine", "a", CARD) is None
    every = {**DETECTOR, "not_with": {"mine": "never"}}
    assert compatibility.objection(every, "mine", "a", CARD) == "never"


def test_labels_from_masks_need_a_detector_of_masks():
    card = {**CARD, "classification": {"type": "RankSortLoss", "labels": "dice"}}
    assert "does not predict masks" in compatibility.objection(DETECTOR, "mine", "", card)
    assert compatibility.objection({**DETECTOR, "masks": True}, "mine", "", card) is None
    binary = {**CARD, "classification": {"type": "RankSortLoss", "labels": "binary"}}
    assert compatibility.objection(DETECTOR, "mine", "", binary) is None


def test_a_softmax_over_the_background_is_for_two_stages():
    card = {**CARD, "classification": {"type": "SoftmaxCrossEntropyLoss"}}
    assert "two-stage" in compatibility.objection(DETECTOR, "mine", "", card)
    assert compatibility.objection({**DETECTOR, "family": "two-stage"}, "mine", "", card) is None


def test_parts_that_contradict_each_other():
    weighted = {**CARD, "box": {"type": "giou", "weighting": "centerness"}}
    assert compatibility.objection(DETECTOR, "mine", "", weighted) is None
    without = {**DETECTOR, "offers": []}
    assert "centre-ness" in compatibility.objection(without, "mine", "", weighted)
    clustered = {**CARD, "head": {"clustering": "score-alone"}}
    assert "candidates of PAA" in compatibility.objection(DETECTOR, "mine", "", clustered)
    assert compatibility.objection({**DETECTOR, "family": "paa"}, "mine", "", clustered) is None
    unbounded = {**CARD, "classification": {"type": "ALRPLoss"}, "box": {"type": "l1"}}
    assert "bound" in compatibility.objection(DETECTOR, "mine", "", unbounded)


def test_the_reason_reaches_the_user_in_one_line():
    study = {
        "study": "s",
        "title": "t",
        "scale": "none",
        "preset": "small",
        "datasets": {"shapes": {"kind": "shapes"}},
        "runs": [
            {"dataset": "shapes", "detectors": ["atss", "retinanet"], "losses": ["rs+centerness"]}
        ],
        "schedule": {"image_size": 64, "batch_size": 2, "iterations": 3},
    }
    with pytest.raises(InputError) as caught:
        Study(check_config(study, "s.yaml"), "s.yaml")
    told = str(caught.value)
    assert told.startswith("s.yaml: runs[0]: loss 'rs+centerness' does not train detector 'retina")
    assert "centre-ness" in told
    assert "\n" not in told


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("offers: [centrness]", "offers: found 'centrness'; did you mean 'centerness'?"),
        ("offers: centerness", "offers: found 'centerness'"),
        ("not_with: [ap]", "not_with: give a mapping"),
        ("not_with: {ap: 3}", "not_with: give a mapping"),
    ],
)
def test_faults_of_a_detectors_file(tmp_path, line, told):
    text = f"name: mine\ntitle: Mine\nfamily: dense-anchor\nbase: x.py\nsmall: {{}}\n{line}\n"
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(InputError) as caught:
        detectors.load_detector("mine", "small", tmp_path)
    assert told in str(caught.value)


@pytest.mark.parametrize("loss", cards.loss_names())
def test_what_cards_refuse_exists(loss):
    from rankdet.detectors.families import FAMILIES

    card = cards.load_loss(loss).card
    every = [card, *card.get("variants", {}).values()]
    names = {name for part in every for name in part.get("not_with", {})}
    assert names <= {*detectors.detector_names(), *FAMILIES}


@pytest.mark.parametrize("detector", detectors.detector_names())
def test_what_detectors_refuse_exists(detector):
    spec = detectors.load_detector(detector, "small")
    for name in spec.get("not_with", {}):
        loss, _, variant = name.partition("+")
        assert cards.load_loss(loss).variant(variant)["name"] == loss
