"""Which GPU a process takes: the first one that no other run on the machine holds."""

from types import SimpleNamespace

import pytest

from rankdet.training import environment


@pytest.fixture
def gpus(monkeypatch, tmp_path):
    """Returns a stand-in for torch that sees two GPUs; their lock files lie in `tmp_path`."""
    monkeypatch.setattr(environment.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(environment, "_LOCKS", [])
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    chosen = SimpleNamespace(
        device_count=lambda: 2,
        get_device_properties=lambda index: SimpleNamespace(uuid=f"gpu{index}"),
        set_device=lambda index: None,
    )
    return SimpleNamespace(cuda=chosen)


def test_each_run_takes_a_gpu_of_its_own(gpus):
    assert [environment.lock_gpu(gpus) for _ in range(2)] == ["cuda:0", "cuda:1"]


def test_a_launcher_has_chosen_already(gpus, monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert environment.lock_gpu(gpus) == "cuda:1"
    assert not environment._LOCKS


def test_a_lock_that_is_only_to_be_read_is_taken_all_the_same(gpus, tmp_path):
    """Another user's file: /tmp lets nobody else write it."""
    lock = tmp_path / "rankdet-gpu-gpu0.lock"
    lock.touch(mode=0o444)
    assert environment.lock_gpu(gpus) == "cuda:0"
    assert environment._LOCKS[0].mode == "r"


def test_a_lock_that_cannot_be_opened_counts_as_taken(gpus, tmp_path):
    (tmp_path / "rankdet-gpu-gpu0.lock").mkdir()
    assert environment.lock_gpu(gpus) == "cuda:1"
