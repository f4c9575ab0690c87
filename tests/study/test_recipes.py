"""Cases of the papers' schedules: which runs they are about, and what they change."""

import pytest

from rankdet.errors import InputError
from rankdet.repository import CONFIG
from rankdet.strict import read
from rankdet.study.cards import load_loss
from rankdet.study.detectors import detector_names, load_detector
from rankdet.study.load import load_study
from rankdet.study.published import published_schedules
from rankdet.study.recipes import Case, changed_card, changed_detector


@pytest.mark.parametrize(
    ("case", "run", "expected"),
    [
        ({}, ("atss", "rs", ""), True),
        ({"detectors": ["atss"]}, ("atss", "rs", ""), True),
        ({"detectors": ["atss"]}, ("paa", "rs", ""), False),
        ({"losses": ["ap"]}, ("atss", "ap+giou", ""), True),
        ({"losses": ["ap"]}, ("atss", "ape", ""), False),
        ({"losses": ["ap+giou"]}, ("atss", "ap+high-lr+giou", ""), True),
        ({"losses": ["ap+giou"]}, ("atss", "ap", ""), False),
        ({"backbones": ["own"]}, ("atss", "ap", ""), True),
        ({"backbones": ["own"]}, ("atss", "ap", "r101"), False),
        ({"backbones": ["r101"]}, ("atss", "ap", "r101+carafe"), True),
    ],
)
def test_which_runs_a_case_is_about(case, run, expected):
    assert Case(**case).applies(*run) is expected


def test_a_case_changes_model_and_card_and_leaves_the_files_alone():
    detector, card = load_detector("retinanet", "full"), load_loss("rs").variant("")
    case = Case(
        model={"bbox_head": {"anchor_generator": {"ratios": [1.0]}}}, card={"box": {"weight": 3.0}}
    )
    changed = changed_detector(detector, "full", [case])
    assert changed["full"]["bbox_head"]["anchor_generator"]["ratios"] == [1.0]
    assert changed["full"]["bbox_head"]["anchor_generator"]["scales_per_octave"] == 2
    assert changed_card(card, [case])["box"] == {**card["box"], "weight": 3.0}
    assert (
        "ratios" not in load_detector("retinanet", "full")["full"]["bbox_head"]["anchor_generator"]
    )
    assert changed_detector(detector, "full", []) is detector


def test_a_typo_in_a_case_is_one_line():
    with pytest.raises(InputError, match=r"cases\[0\]\.modle: unknown key; did you mean 'model'"):
        read(type(published_schedules()["rs-1x"]), {"title": "t", "cases": [{"modle": {}}]}, "s")


def test_cases_name_detectors_losses_and_backbones_that_exist():
    for name, schedule in published_schedules().items():
        for case in schedule.cases:
            assert set(case.detectors) <= set(detector_names()), name
            for loss in case.losses:
                first, _, variant = loss.partition("+")
                load_loss(first).variant(variant)


def test_the_papers_changes_apply_to_full_runs_of_tables_alone():
    overrides = {"tables": ["rs/tableS5"], "figures": []}
    full = load_study([CONFIG / "coco.yaml"], overrides, with_data=False)
    run = next(run for run in full.runs if run.loss == "rs")
    assert run.model.detector_spec["full"]["roi_head"]["stage_loss_weights"] == [1, 1, 1]
    small = load_study([CONFIG / "papers-smoke.yaml"], overrides, with_data=False)
    run = next(run for run in small.runs if run.loss == "rs")
    assert "stage_loss_weights" not in run.model.detector_spec["small"]["roi_head"]
