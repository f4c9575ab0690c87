"""Checkpoint files of others: read as weights alone, whatever else is in them."""

import collections
import os
import pickle

import numpy as np
import pytest
import torch
from mmengine.logging.history_buffer import HistoryBuffer

from rankdet.errors import InputError
from rankdet.files import sha256
from rankdet.training.checkpoint_file import read_checkpoint

WEIGHTS = {"backbone.conv1.weight": torch.ones(2, 3), "bbox_head.scales.0.scale": torch.ones(())}


def prefixed(weights):
    return {f"module.{name}": tensor for name, tensor in weights.items()}


@pytest.mark.parametrize(
    "content",
    [
        WEIGHTS,
        collections.OrderedDict(prefixed(WEIGHTS)),
        {"state_dict": prefixed(WEIGHTS), "optimizer": {"lr": 0.1}, "meta": {}},
        {"model": WEIGHTS, "epoch": 12},
        {"model": {"state_dict": prefixed(WEIGHTS)}},
    ],
    ids=["plain", "module", "state_dict", "model", "both"],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_wrappers_and_prefixes(tmp_path, content, zipped):
    path = tmp_path / "c.pth"
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    found = read_checkpoint(path)
    assert found.weights.keys() == WEIGHTS.keys()
    assert all(torch.equal(found.weights[name], tensor) for name, tensor in WEIGHTS.items())
    assert (found.classes, found.mmdet) == ((), "")


def test_a_checkpoint_of_mmengine_is_read_without_its_objects(tmp_path):
    history = HistoryBuffer()
    history.update(3.0, 1)
    meta = {"mmdet_version": "3.3.0", "dataset_meta": {"classes": ("cat", "dog")}}
    hub = {"log_scalars": {"loss": history}, "numbers": np.arange(3), "one": np.float64(1)}
    path = tmp_path / "c.pth"
    torch.save({"state_dict": WEIGHTS, "meta": meta, "message_hub": hub}, path)
    before = set(torch.serialization.get_safe_globals())
    found = read_checkpoint(path)
    assert found.weights.keys() == WEIGHTS.keys()
    assert (found.classes, found.mmdet) == (("cat", "dog"), "3.3.0")
    assert set(torch.serialization.get_safe_globals()) == before


def test_classes_of_mmdet_2(tmp_path):
    path = tmp_path / "c.pth"
    torch.save({"state_dict": WEIGHTS, "meta": {"CLASSES": ["cat"], "mmdet_version": "2.8"}}, path)
    assert read_checkpoint(path).classes == ("cat",)


class Runs:
    """Calls a function when it is unpickled."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("function", [os.system, eval, exec], ids=["system", "eval", "exec"])
def test_a_file_that_would_run_code_is_refused_in_one_line(tmp_path, function):
    path, trace = tmp_path / "c.pth", tmp_path / "trace"
    command = f"touch {trace}" if function is os.system else f"open({str(trace)!r}, 'w')"
    for content in ({"state_dict": WEIGHTS, "more": Runs(function, command)}, Runs(function, "1")):
        torch.save(content, path)
        with pytest.raises(InputError, match=r"c\.pth: refused, because it names \S+") as error:
            read_checkpoint(path)
        assert "\n" not in str(error.value)
        assert not trace.exists()


def test_getattr_reaches_nothing(tmp_path):
    """A chain over `getattr`, which mmengine's own files name, gives an inert object."""
    path = tmp_path / "c.pth"
    torch.save({"state_dict": WEIGHTS, "x": Runs(getattr, "text", "upper")}, path)
    assert read_checkpoint(path).weights.keys() == WEIGHTS.keys()


@pytest.mark.fault("given checkpoint that is cut, empty or something else")
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"hello", "not a complete PyTorch checkpoint"),
        (b"", "not a complete PyTorch checkpoint"),
        (b"PK\x03\x04abc", "not a complete PyTorch checkpoint"),
        (pickle.dumps([1], protocol=2), "not a"),
    ],
)
def test_a_file_that_is_no_checkpoint_is_one_line(tmp_path, content, words):
    path = tmp_path / "c.pth"
    path.write_bytes(content)
    with pytest.raises(InputError, match=words) as error:
        read_checkpoint(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [3, {"epoch": 1}, {"state_dict": {}}])
def test_a_file_without_weights_is_one_line(tmp_path, content):
    path = tmp_path / "c.pth"
    torch.save(content, path)
    with pytest.raises(InputError, match="no weights in it"):
        read_checkpoint(path)


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_checkpoint(tmp_path / "c.pth")


def test_sha256(tmp_path):
    (tmp_path / "c").write_bytes(b"abc")
    assert sha256(tmp_path / "c").startswith("ba7816bf8f01cfea")
