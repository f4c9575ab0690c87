"""Runs at several score thresholds and test variants are planned if a study requests them."""

import json

from tests.workflow.conftest import make_sandbox

RUN = "results/sweep/shapes/retinanet/ap/seed1"
GROUP = "losses: [focal, ap, alrp+no-sb]}"
SWEPT = "{dataset: shapes, detectors: [retinanet], losses: [ap], score_thresholds: [0.95, 0.1]}"


def sweeping(sandbox) -> str:
    """Writes a study that sweeps one of its losses, and returns its name."""
    text = (sandbox.root / "tiny.yaml").read_text()
    assert GROUP in text
    text = text.replace("study: tiny", "study: sweep").replace(
        GROUP, f"losses: [focal, alrp+no-sb]}}\n  - {SWEPT}"
    )
    (sandbox.root / "sweep.yaml").write_text(text)
    return "sweep.yaml"


def test_a_sweep_is_planned_only_for_the_named_runs(sandbox):
    jobs = sandbox.planned(study=sweeping(sandbox))
    for rule in ("predict_at", "evaluate_at"):
        assert [loss for name, loss in jobs if name == rule] == ["ap", "ap"]
    assert [loss for name, loss in jobs if name == "sweep"] == ["ap"]
    assert not any("sweep" in name for name, _ in sandbox.planned())


def test_a_sweep_has_metrics_and_speed_at_each_threshold(sandbox):
    done = sandbox.snakemake(f"{RUN}/sweep.json", study=sweeping(sandbox))
    assert done.returncode == 0, done.stderr
    sweep = json.loads((sandbox.root / RUN / "sweep.json").read_text())
    assert sweep["schema"] == "rankdet.sweep/1"
    assert sweep["run"]["loss"] == "ap" and sweep["dataset"]["split"] == "val"
    low, high = sweep["rows"]
    assert (low["score_threshold"], high["score_threshold"]) == (0.1, 0.95)
    assert low["metrics"]["AP"] == 1 and high["metrics"]["AP"] == 0  # all scores are below .95
    assert low["detections_per_image"] > 0 and high["detections_per_image"] == 0
    assert low["speed"]["images_per_second"] == 10 and low["speed"]["device"] == "cpu"
    assert "segm" not in low


TESTED = "losses: [ap], test_variants: {mirrored: {flip: true, score_threshold: 0.95}}}"


def test_a_further_test_predicts_again_and_trains_nothing(tmp_path):
    sandbox = make_sandbox(tmp_path)
    text = (sandbox.root / "tiny.yaml").read_text().replace("tables: [alrp/table2]\n", "")
    text = text.replace("figures: [alrp/figure4]\n", "").replace("[val, train]", "[val]")
    text = text.replace(GROUP, "losses: [ap]}")
    (sandbox.root / "tiny.yaml").write_text(text)
    done = sandbox.snakemake()
    assert done.returncode == 0, done.stderr
    (sandbox.root / "tiny.yaml").write_text(text.replace("losses: [ap]}", TESTED))
    rules = [rule for rule, _ in sandbox.planned()]
    assert rules.count("predict_further") == rules.count("evaluate_further") == 1
    assert not {"train", "untrained", "predict", "evaluate"} & set(rules)
    done = sandbox.snakemake()
    assert done.returncode == 0, done.stderr
    run = sandbox.root / "results/tiny/shapes/retinanet/ap/seed1"
    files = [run / place / "metrics.json" for place in ("", "test-mirrored")]
    found = [json.loads(file.read_text())["metrics"]["AP"] for file in files]
    assert found == [1, 0]  # all scores are below .95


FALSE = """
    found.append({**found[0], "bbox": [0, 0, 1, 1], "score": 0.01})
    (out / "detections.json").write_text(json.dumps(found))"""


def test_thresholds_per_class_are_chosen_on_the_main_split_and_applied_to_all(tmp_path):
    sandbox = make_sandbox(tmp_path)
    written = '\n    (out / "detections.json").write_text(json.dumps(found))'
    sandbox.edit("rankdet/training/__init__.py", written, FALSE)
    text = (sandbox.root / "tiny.yaml").read_text().replace("tables: [alrp/table2]\n", "")
    text = text.replace("figures: [alrp/figure4]\n", "test: {thresholds: lrp}\nuntrained: false\n")
    plain = "test_variants: {plain: {thresholds: none}}"
    (sandbox.root / "tiny.yaml").write_text(text.replace(GROUP, f"losses: [ap], {plain}}}"))
    run = "results/tiny/shapes/retinanet/ap/seed1"
    files = [f"{run}/{place}metrics.json" for place in ("", "on-train/", "test-plain/")]
    done = sandbox.snakemake(*files)
    assert done.returncode == 0, done.stderr
    main, _, plain = (json.loads((sandbox.root / file).read_text()) for file in files)
    lowest = {k: v["lrp_threshold"] for k, v in main["per_class"].items()}
    assert plain["counts"]["detections"] == main["counts"]["detections"] + 1
    for scores in ("", "on-train/"):
        for one in json.loads((sandbox.root / run / scores / "detections.json").read_text()):
            assert one["score"] >= lowest[str(one["category_id"])]
    assert main["operating_point"]["metrics"]["F1"] == 1
    again = sandbox.planned(*files)
    assert not again
