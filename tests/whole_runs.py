"""Complete runs in tests: prediction, evaluation, and comparison of weights bit for bit."""

import json

import torch

from rankdet.results.metrics_record import write_split_metrics
from rankdet.training import predict


def evaluated(run, folder, split="val"):
    """Predicts and evaluates a trained run on one split; returns its `metrics.json`."""
    predict(run, folder, split, folder)
    write_split_metrics(
        split,
        detections=folder / "detections.json",
        run_json=folder / "run.json",
        dataset_json=run["manifest"],
        out_metrics=folder / "metrics.json",
        out_matches=folder / "matches.parquet",
    )
    return json.loads((folder / "metrics.json").read_text())


def assert_measured(run, folder):
    """Predicts with a run, evaluates it, and checks that it has detections and valid metrics."""
    record = evaluated(run, folder)
    assert json.loads((folder / "detections.json").read_text())
    parts = [record, record["segm"]] if run["detector_spec"].get("masks") else [record]
    for part in parts:
        assert 0 <= part["metrics"]["AP"] <= 1
        assert 0 < part["metrics"]["oLRP"] <= 1


def assert_same_weights(one, other):
    """Checks that the folders of two runs contain equal models."""
    first, second = (torch.load(folder / "model.pth")["state_dict"] for folder in (one, other))
    assert first.keys() == second.keys()
    for name, value in first.items():
        torch.testing.assert_close(second[name], value, rtol=0, atol=0, msg=name)
