"""The records of the fake study's runs: `run.json`, `train.parquet` and detections."""

import numpy as np
import pandas as pd

from tests.report.fake_dataset import CHECKSUM


def run_record(entry: dict[str, object], state: str) -> dict[str, object]:
    reasons = {
        "collapsed": "loss_cls stayed above 0.99 for 300 iterations",
        "diverged": "the loss is not finite from iteration 41",
    }
    seconds = 0.09 if entry["loss"] == "focal" else 0.1234
    trained = state != "untrained"
    return {
        "schema": "rankdet.run/1",
        "run": {**{k: entry[k] for k in ("dataset", "detector", "loss", "variant", "seed")}},
        "status": "trained" if state in ("not evaluated", "barely learned") else state,
        "reason": reasons.get(state),
        "training": {
            "iterations": 300 if trained else 0,
            "epochs": 13 if trained else 0,
            "seconds": 300 * seconds,
            "seconds_per_iteration": seconds if trained else None,
            "peak_memory_mb": 812.5,
            "device": "cpu",
            "resumed_from": [150] if entry["loss"] == "ap" else [],
        },
        "provenance": {
            "commit": "0123456789abcdef",
            "dirty": False,
            "config_hash": "c" * 12,
            "code_hash": "d" * 12,
            "loss_hash": "e" * 12,
            "data_checksum": CHECKSUM,
            "seed": entry["seed"],
            "versions": {"torch": "2.13.0", "mmdet": "3.3.0"},
            "hardware": {
                "cpu": "made-up CPU",
                "instruction_set": "AVX9",
                "cores": 2,
                "threads": 3,
                "gpu": None,
            },
            "started": "2026-01-01T00:00:00Z",
            "finished": "2026-01-01T00:01:00Z",
        },
    }


def training_rows(loss: str, seed: int, state: str) -> pd.DataFrame:
    rng = np.random.default_rng([seed, len(loss)])
    iteration = np.arange(1, 41 if state == "diverged" else 301)
    decay = np.exp(-iteration / 90)
    loss_cls = (0.15 + 0.85 * decay) * rng.uniform(0.92, 1.08, len(iteration))
    loss_bbox = (0.2 + 0.5 * decay) * rng.uniform(0.9, 1.1, len(iteration))
    positive = loss_cls * rng.uniform(0.9, 1.1, len(iteration))
    rate = np.ones(len(iteration))
    if loss not in ("ap", "alrp"):
        rate = np.exp(rng.normal(0, 0.5, len(iteration))) * (0.4 + 3 * decay)
    weight = np.where(iteration <= 24, 50.0, 2 + 3 * decay) if loss == "alrp" else 1.0
    return pd.DataFrame(
        {
            "iteration": iteration,
            "epoch": (iteration - 1) // 24 + 1,
            "lr": 0.01 * np.minimum(iteration / 100, 1),
            "loss": loss_cls + loss_bbox,
            "loss_cls": loss_cls,
            "loss_bbox": loss_bbox,
            "balance_weight": weight,
            "num_pos": rng.integers(10, 90, len(iteration)),
            "grad_pos": positive,
            "grad_neg": positive * rate,
            "seconds": 0.1,
            "data_seconds": 0.01,
            "memory_mb": 800.0,
        }
    )


def one_detection(
    image_id: int, category_id: int, box: np.ndarray, score: float
) -> dict[str, object]:
    return {
        "image_id": image_id,
        "category_id": category_id,
        "bbox": [round(float(v), 2) for v in box],
        "score": round(float(score), 4),
    }
