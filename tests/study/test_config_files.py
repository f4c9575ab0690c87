"""The studies in config/: each is the one that was promised."""

from rankdet.repository import CONFIG
from rankdet.study import detectors
from rankdet.study.load import load_study


def test_later_config_files_and_overrides_win(tmp_path):
    (tmp_path / "more.yaml").write_text("schedule: {iterations: 7}\n")
    plan = load_study([CONFIG / "smoke.yaml", tmp_path / "more.yaml"], {"threads": 3})
    assert plan.config.schedule.iterations == 7
    assert plan.config.schedule.batch_size == 4
    assert plan.config.threads == 3


def test_the_default_study_is_the_one_that_was_promised():
    runs = [run for run in load_study([CONFIG / "smoke.yaml"]).runs if not run.untrained]
    assert {run.detector for run in runs} == {"retinanet", "atss"}
    losses = {run.loss for run in runs}
    assert {"focal", "ap", "alrp", "alrp+no-sb", "alrp+iou", "alrp+iou+no-sb"} == losses


def test_the_tour_takes_every_detector_by_its_standard_loss_and_by_a_ranking_loss():
    tour = load_study([CONFIG / "tour.yaml"])
    trained = [run for run in tour.runs if not run.untrained]
    taken = {run.detector for run in trained}
    lacking = set(detectors.detector_names()) - taken
    assert not lacking, f"config/tour.yaml: add {', '.join(sorted(lacking))} to its runs"
    for detector in taken:
        losses = {run.loss_name for run in trained if run.detector == detector}
        assert losses & {"focal", "ce", "qfl"}, detector
        assert losses & {"ap", "alrp", "rs", "ape"}, detector
