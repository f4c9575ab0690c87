"""`track`: the record is also sent to TensorBoard or MLflow's file store, and changes nothing."""

import importlib.util
from collections import namedtuple

import pandas as pd
import pytest

from rankdet.errors import InputError
from rankdet.training import train
from rankdet.training.tracking import scalars, visualizer
from tests.training.tiny_runs import tiny_run
from tests.whole_runs import assert_same_weights

RUN = "shapes/retinanet/ap/seed1"
Sent = namedtuple("Sent", "step value")
NEEDED = {"tensorboard": "tensorboard", "mlflow": "mlflow"}


def needs(tool):
    missing = importlib.util.find_spec(NEEDED[tool]) is None
    return pytest.mark.skipif(missing, reason=f"{tool} is not installed (pip install {tool})")


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    schedule = {"batch_size": 1, "iterations": 6, "log_every": 4}
    return tiny_run(tmp_path_factory.mktemp("data"), schedule)


@pytest.fixture(scope="module")
def untracked(spec, tmp_path_factory):
    folder = tmp_path_factory.mktemp("plain") / RUN
    train(spec, folder)
    return folder


def of_tensorboard(folder, name):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "tracked/tensorboard" / RUN)).Reload()
    return [Sent(one.step, one.value) for one in events.Scalars(name)]


def of_mlflow(folder, name):
    from mlflow import MlflowClient

    client = MlflowClient(f"file://{folder / 'tracked/mlflow'}")
    experiment = client.get_experiment_by_name("test").experiment_id
    (run,) = client.search_runs([experiment])
    return [Sent(one.step, one.value) for one in client.get_metric_history(run.info.run_id, name)]


@pytest.mark.parametrize(
    ("tool", "read"),
    [
        pytest.param("tensorboard", of_tensorboard, marks=needs("tensorboard")),
        pytest.param("mlflow", of_mlflow, marks=needs("mlflow")),
    ],
)
def test_the_losses_are_sent_and_no_number_changes(spec, untracked, tmp_path, tool, read):
    train({**spec, "track": tool}, tmp_path / RUN)
    assert_same_weights(untracked, tmp_path / RUN)
    table = pd.read_parquet(tmp_path / RUN / "train.parquet")
    sent = read(tmp_path, "loss")
    assert [one.step for one in sent] == [4, 8]  # of 8 iterations: two whole epochs
    for one, rows in zip(sent, (table[:4], table[4:]), strict=True):
        assert one.value == pytest.approx(rows["loss"].mean(), rel=1e-6)
    assert [one.value for one in read(tmp_path, "lr")] == pytest.approx([0.001, 0.001])
    assert not (tmp_path / RUN / "work").exists()


def test_a_package_that_is_missing_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    spec = {"study": "s", "track": "wandb"}
    with pytest.raises(InputError, match=r"track: wandb is not installed; .*pip install wandb"):
        visualizer(spec, tmp_path / RUN / "work")
    assert visualizer({"study": "s"}, tmp_path) is None


@pytest.mark.parametrize("tool", ["tensorboard", "mlflow", "wandb"])
def test_files_are_beside_the_runs_and_not_in_them(tmp_path, monkeypatch, tool):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: True)
    found = visualizer({"study": "s", "track": tool}, tmp_path / RUN / "work")
    (backend,) = found["vis_backends"]
    assert backend["save_dir"].startswith(str(tmp_path / "tracked" / tool))
    named = [backend["save_dir"], backend.get("run_name"), backend.get("init_kwargs", {})]
    assert RUN in str(named)


def test_means_and_the_last_rate_are_sent_and_no_nan():
    rows = [
        {"iteration": 1, "epoch": 1, "lr": 0.1, "loss": 1.0, "grad_pos": float("nan")},
        {"iteration": 2, "epoch": 2, "lr": 0.2, "loss": 3.0, "grad_pos": 1.0},
    ]
    assert scalars(rows) == {"epoch": 2.0, "lr": 0.2, "loss": 2.0}
