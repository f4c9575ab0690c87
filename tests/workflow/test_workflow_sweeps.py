"""A run at several score thresholds: planned where a study asks for it, gathered in one file."""

import json

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


def test_a_sweep_is_planned_for_the_named_runs_alone(sandbox):
    jobs = sandbox.planned(study=sweeping(sandbox))
    for rule in ("predict_at", "evaluate_at"):
        assert [loss for name, loss in jobs if name == rule] == ["ap", "ap"]
    assert [loss for name, loss in jobs if name == "sweep"] == ["ap"]
    assert not any("sweep" in name for name, _ in sandbox.planned())


def test_a_sweep_holds_measures_and_speed_at_each_threshold(sandbox):
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
