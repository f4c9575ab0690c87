"""Trainings in two processes on a CPU have the gradients and the record of one process."""

import pandas as pd
import pytest
import torch

from rankdet.training import train
from tests.training.two_processes import two_processes


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    return two_processes(tmp_path_factory.mktemp("data"))


def one_iteration(spec, folder, **schedule):
    """Trains two iterations without chance and without statistics of norms; returns the weights."""
    detector = {**spec["detector_spec"]}
    detector["small"] = {**detector["small"]}
    detector["small"]["backbone"] = {**detector["small"]["backbone"], "norm_eval": True}
    balance = {"type": "constant", "weight": 1.0}
    own = {"image_size": 64, "iterations": 2, "flip": False, "lr": 0.01, **schedule}
    train(
        {
            **spec,
            "threads": schedule.get("gpus", 1),  # one for each process
            "detector_spec": detector,
            "card": {**spec["card"], "balance": balance},
            "schedule": own,
        },
        folder,
    )
    rows = pd.read_parquet(folder / "train.parquet")
    return torch.load(folder / "model.pth")["state_dict"], rows


def assert_equal_runs(one, other, atol=1e-6):
    (weights, rows), (others, other_rows) = one, other
    for name, value in weights.items():
        torch.testing.assert_close(others[name], value, rtol=0, atol=atol, msg=name)
    columns = ["iteration", "epoch", "lr", "loss", "num_pos", "num_neg", "grad_pos", "grad_neg"]
    pd.testing.assert_frame_equal(rows[columns], other_rows[columns], rtol=1e-4, check_dtype=False)


@pytest.fixture(scope="module")
def two_of_one(spec, tmp_path_factory):
    """Two processes of one image each."""
    sizes = {"batch_size": 2, "gpus": 2, "images_per_gpu": 1, "warmup": 2}
    return one_iteration(spec, tmp_path_factory.mktemp("two") / "run", **sizes)


def test_accumulation_equals_two_processes(spec, two_of_one, tmp_path):
    sizes = {"batch_size": 2, "images_per_gpu": 1, "accumulate": 2, "warmup": 2}
    assert_equal_runs(two_of_one, one_iteration(spec, tmp_path / "run", **sizes))


def test_groups_of_images_equal_two_processes(spec, two_of_one, tmp_path):
    sizes = {"batch_size": 2, "rank_scope": "groups of 1", "warmup": 2}
    assert_equal_runs(two_of_one, one_iteration(spec, tmp_path / "run", **sizes))


def test_ranked_within_images_two_processes_of_two_equal_one_of_four(spec, tmp_path):
    own = {"batch_size": 4, "rank_scope": "image"}
    two = one_iteration(spec, tmp_path / "two", gpus=2, images_per_gpu=2, **own)
    assert_equal_runs(two, one_iteration(spec, tmp_path / "one", **own))
