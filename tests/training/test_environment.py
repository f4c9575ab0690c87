"""A process locks a GPU that no other run uses, and loads only what it needs."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

from rankdet.repository import ROOT
from rankdet.training import environment


@pytest.fixture
def gpus(monkeypatch, tmp_path):
    """Returns a fake torch with two GPUs; their lock files are in `tmp_path`."""
    monkeypatch.setattr(environment.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(environment, "LOCKS", [])
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    chosen = SimpleNamespace(
        device_count=lambda: 2,
        get_device_properties=lambda index: SimpleNamespace(uuid=f"gpu{index}"),
        set_device=lambda index: None,
    )
    return SimpleNamespace(cuda=chosen)


def test_each_run_locks_another_gpu(gpus):
    assert [environment.lock_gpu(gpus) for _ in range(2)] == ["cuda:0", "cuda:1"]


def test_a_launcher_chooses_the_gpu(gpus, monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert environment.lock_gpu(gpus) == "cuda:1"
    assert not environment.LOCKS


def test_a_lock_file_of_another_user_can_be_locked(gpus, tmp_path):
    """In /tmp, only the owner can write a file."""
    lock = tmp_path / "rankdet-gpu-gpu0.lock"
    lock.touch(mode=0o444)
    assert environment.lock_gpu(gpus) == "cuda:0"
    assert environment.LOCKS[0].mode == "r"


def test_a_lock_file_that_cannot_be_opened_counts_as_locked(gpus, tmp_path):
    (tmp_path / "rankdet-gpu-gpu0.lock").mkdir()
    assert environment.lock_gpu(gpus) == "cuda:1"


def test_a_job_does_not_load_what_only_plots_and_trackers_need():
    code = (
        "import sys; from rankdet.training.environment import set_up; "
        "set_up({'device': 'cpu'}); import mmdet.utils, rankdet.training.run; "
        "print(*(name in sys.modules for name in ('matplotlib', 'seaborn', 'mmdet.models')))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert found.stdout.split()[-3:] == ["False", "False", "True"]
