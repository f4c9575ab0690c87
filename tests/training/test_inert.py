"""Hostile checkpoints: resuming, predicting and testing a given checkpoint run nothing in them."""

import builtins
import io
import os
import subprocess

import pytest
import torch
from mmengine.logging.history_buffer import HistoryBuffer

from rankdet.datasets import prepare
from rankdet.errors import InputError
from rankdet.study.detectors import load_detector
from rankdet.training import predict
from rankdet.training.checkpoint_file import read_checkpoint
from rankdet.training.checkpoints import Workspace
from rankdet.training.environment import set_up
from rankdet.training.inert import load_inert
from rankdet.training.run import train_process
from rankdet.training.runner import build_runner

WEIGHTS = {"w": torch.ones(2)}


class Calls:
    """Calls a function when it is unpickled."""

    def __init__(self, function, *arguments, state=None):
        self.call = (function, arguments, state) if state else (function, arguments)

    def __reduce__(self):
        return self.call


def chain(*names):
    """`getattr` after `getattr`: the way from a class that mmengine stores to any function."""
    found = Calls(getattr, HistoryBuffer.update, "__globals__")
    for name in names:
        found = Calls(getattr, found, name)
    return found


def hostile(trace):
    """Returns objects that would leave the file `trace` if anything in them ran."""
    command = f"touch {trace}"
    return {
        "system": Calls(os.system, command),
        "popen": Calls(subprocess.Popen, ["touch", str(trace)]),
        "eval": Calls(eval, f"open({str(trace)!r}, 'w')"),
        "exec": Calls(exec, f"open({str(trace)!r}, 'w')"),
        "open": Calls(io.open, str(trace), "w"),
        "getattr": Calls(getattr, "text", "upper"),
        "getattr-chain": chain("get"),
        "setattr": Calls(setattr, HistoryBuffer, "min", max),
        "import": Calls(builtins.__import__, "antigravity"),
        "history-buffer": history(),
        "state": Calls(HistoryBuffer, state={"statistics_methods": {"min": os.system}}),
        "torch-load": Calls(torch.load, str(trace)),
    }


def history():
    buffer = HistoryBuffer()
    buffer.update(1.0, 1)
    return buffer


NAMES = sorted(hostile("x"))
# What mmengine's own files name. In a file of another source they are replaced by inert objects.
REPLACED = {"getattr", "getattr-chain", "history-buffer"}


@pytest.mark.fault("checkpoint that would run code, read as model or given checkpoint", tries=2)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("forced", [False, True], ids=["torch", "protection-off"])
def test_a_hostile_file_is_refused_in_one_line(tmp_path, monkeypatch, name, forced):
    """Also where a variable of the environment switches the protection of torch off."""
    if forced:
        monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    path, trace = tmp_path / "model.pth", tmp_path / "trace"
    torch.save({"state_dict": WEIGHTS, "more": hostile(trace)[name]}, path)
    with pytest.raises(InputError, match=r"model\.pth: refused, because it names \S+") as error:
        load_inert(path)
    assert "\n" not in str(error.value)
    if name in REPLACED:
        assert read_checkpoint(path).weights.keys() == WEIGHTS.keys()
    else:
        with pytest.raises(InputError, match="refused, because it names"):
            read_checkpoint(path)
    assert not trace.exists()
    assert HistoryBuffer.min is not max


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    """A run of two epochs of one iteration."""
    folder = tmp_path_factory.mktemp("data")
    config = {"kind": "shapes", "title": "t", "seed": 1, "train_images": 2, "val_images": 2}
    prepare("shapes", {**config, "image_size": 64}, folder)
    return {
        **{"study": "test", "dataset": "shapes", "detector": "retinanet", "loss": "ap"},
        **{"variant": "", "seed": 1, "preset": "small", "threads": 1, "device": "cpu"},
        "manifest": str(folder / "dataset.json"),
        "detector_spec": load_detector("retinanet", "small"),
        "card": {
            "name": "ap",
            "classification": {"type": "APLoss"},
            "box": {"type": "giou"},
            "balance": {"type": "none"},
        },
        "loss_file": None,
        "schedule": {
            **{"image_size": 64, "batch_size": 2, "iterations": 3, "lr": 0.001},
            "checkpoint_every": 1,
        },
        "splits": ["val"],
        "test": {"score_threshold": 0.0, "nms_iou": 0.5},
        "hashes": {"config": "c", "code": "k", "loss": "l", "data": "d"},
    }


@pytest.fixture(scope="module")
def checkpoint(spec, tmp_path_factory):
    """The content of the checkpoint after the first epoch, and the rows of the record."""
    folder = tmp_path_factory.mktemp("first")
    space = Workspace(folder, spec)
    device = set_up(spec)
    once = {**spec, "schedule": {**spec["schedule"], "iterations": 1}}
    build_runner(once, space.path, device).train()
    return load_inert(space.path / "epoch_1.pth"), space.rows_path.read_text()


def resumable(folder, spec, content, rows):
    """Writes a work folder whose last checkpoint has this content, with the right checksums."""
    space = Workspace(folder, spec)
    space.rows_path.write_text(rows)
    space.checkpoints.save(1, 1, 1, lambda path: torch.save(content, path))
    return space.path


def test_our_own_checkpoints_hold_nothing_that_runs(checkpoint):
    """torch reads one with no name on its list of safe ones: the fixture did."""
    content, _ = checkpoint
    assert content["meta"]["iter"] == 1
    assert content["message_hub"]["log_scalars"] == {}
    assert content["message_hub"]["runtime_info"] == {}


@pytest.mark.fault("checkpoint that would run code, resumed from")
@pytest.mark.parametrize("name", NAMES)
def test_resuming_from_a_hostile_checkpoint_runs_nothing(spec, checkpoint, tmp_path, name):
    trace = tmp_path / "trace"
    hub = {"log_scalars": {"x": hostile(trace)[name]}, "runtime_info": {}, "resumed_keys": {}}
    content, rows = checkpoint
    resumable(tmp_path / "run", spec, {**content, "message_hub": hub}, rows)
    with pytest.raises(InputError, match=r"epoch_1\.pth: refused, because it names") as error:
        train_process(spec, tmp_path / "run", set_up(spec), lambda *_: None)
    assert "\n" not in str(error.value)
    assert not trace.exists()


@pytest.mark.fault("checkpoint with Python as config and files to delete, resumed from")
def test_resuming_runs_no_config_and_deletes_no_file_that_a_checkpoint_names(
    spec, checkpoint, tmp_path
):
    """mmengine runs `meta.config` as Python, and deletes the files of `keep_ckpt_ids`."""
    trace, victim = tmp_path / "trace", tmp_path / "victim.pth"
    victim.write_text("precious")
    own, rows = checkpoint
    content = {
        **own,
        "meta": {**own["meta"], "config": f"open({str(trace)!r}, 'w')"},
        "message_hub": {
            "log_scalars": {},
            "runtime_info": {"keep_ckpt_ids": ["x/../../../victim", "y/../../../victim", 1]},
            "resumed_keys": {"keep_ckpt_ids": True},
        },
    }
    work = resumable(tmp_path / "run", spec, content, rows)
    for name in ("epoch_x", "epoch_y"):
        (work / name).mkdir()
    train_process(spec, tmp_path / "run", set_up(spec), lambda *_: None)
    assert (tmp_path / "run" / "run.json").exists()
    assert victim.read_text() == "precious"
    assert not trace.exists()


@pytest.mark.fault("`model.pth` that would run code, predicted with")
@pytest.mark.parametrize("name", NAMES)
def test_predicting_with_a_hostile_model_runs_nothing(spec, trained, tmp_path, name):
    trace = tmp_path / "trace"
    (tmp_path / "run.json").write_bytes((trained / "run.json").read_bytes())
    torch.save({"state_dict": WEIGHTS, "more": hostile(trace)[name]}, tmp_path / "model.pth")
    with pytest.raises(InputError, match=r"model\.pth: refused, because it names"):
        predict(spec, tmp_path, "val", tmp_path)
    assert not trace.exists()


@pytest.fixture(scope="module")
def trained(spec, tmp_path_factory):
    """The folder of a finished run."""
    folder = tmp_path_factory.mktemp("trained")
    train_process(spec, folder, set_up(spec), lambda *_: None)
    return folder
