"""A process locks a GPU that no other run uses, and loads only what it needs."""

import subprocess
import sys
import tempfile
import uuid
from types import SimpleNamespace

import pytest

from rankdet.repository import ROOT
from rankdet.training import environment
from tests.planted import planted


@pytest.fixture
def gpus(monkeypatch):
    """Returns a fake torch with two GPUs that only this test knows."""
    monkeypatch.setattr(environment, "LOCKS", [])
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    name = uuid.uuid4()
    chosen = SimpleNamespace(
        device_count=lambda: 2,
        get_device_properties=lambda index: SimpleNamespace(uuid=f"{name}-{index}"),
        set_device=lambda index: None,
    )
    yield SimpleNamespace(cuda=chosen)
    for lock in environment.LOCKS:
        lock.close()


def test_each_run_locks_another_gpu(gpus):
    assert [environment.lock_gpu(gpus) for _ in range(2)] == ["cuda:0", "cuda:1"]


def test_a_launcher_chooses_the_gpu(gpus, monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert environment.lock_gpu(gpus) == "cuda:1"
    assert not environment.LOCKS


OTHER_RUN = """
import sys
from types import SimpleNamespace
from rankdet.training import environment
found = SimpleNamespace(uuid=sys.argv[1])
cuda = SimpleNamespace(get_device_properties=lambda index: found, device_count=lambda: 1,
                       set_device=lambda index: None)
print(environment.lock_gpu(SimpleNamespace(cuda=cuda)), len(environment.LOCKS), flush=True)
sys.stdin.read()
"""


def test_a_gpu_is_free_again_when_its_run_was_killed(gpus):
    first = gpus.cuda.get_device_properties(0).uuid
    command = [sys.executable, "-c", OTHER_RUN, first]
    other = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout.readline() == "cuda:0 1\n"
    assert environment.lock_gpu(gpus) == "cuda:1"
    other.kill()
    other.communicate()
    assert environment.lock_gpu(gpus) == "cuda:0"


@pytest.mark.fault("pipe, link, file or folder in place of a lock of a GPU", tries=2)
@pytest.mark.parametrize("plant", ["fifo", "link", "file", "folder"])
def test_what_others_put_among_the_temporary_files_is_not_touched(
    gpus, tmp_path, monkeypatch, plant
):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    for index in range(2):
        path = tmp_path / f"rankdet-gpu-{gpus.cuda.get_device_properties(index).uuid}.lock"
        planted(path, plant, tmp_path / "elsewhere")
    before = sorted(tmp_path.iterdir())
    assert environment.lock_gpu(gpus) == "cuda:0"
    assert sorted(tmp_path.iterdir()) == before


def test_a_job_does_not_load_what_only_plots_and_trackers_need():
    code = (
        "import sys; from rankdet.training.environment import set_up; "
        "set_up({'device': 'cpu'}); import mmdet.utils, rankdet.training.run; "
        "from rankdet.training import tracking; from mmengine.registry import VISUALIZERS; "
        "VISUALIZERS.build({**tracking.nothing(), 'name': 'a run'}); "
        "print(*(name in sys.modules for name in ('matplotlib', 'seaborn', 'mmdet.models')))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert found.stdout.split()[-3:] == ["False", "False", "True"]
