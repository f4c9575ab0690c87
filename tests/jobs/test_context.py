"""A job's log, its line on the terminal, and the record of its failure."""

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from rankdet.errors import InputError
from rankdet.jobs import context
from rankdet.jobs.reason import failure_reason
from rankdet.repository import ROOT
from rankdet.results import failures
from rankdet.results.layout import failure_file

SCRIPT = """
import sys
from types import SimpleNamespace
from rankdet.jobs.context import job
snakemake = SimpleNamespace(log=["logs/train.log"], threads=3, wildcards=["x"])
with job(snakemake, "train", "shapes/retinanet/ap/seed1") as this:
    import os
    print("to the log, threads", os.environ["OMP_NUM_THREADS"])
    os.write(int(os.environ["RANKDET_TERMINAL"]), b"progress\\n")
    this.print("a note")
    {body}
"""


def run(folder, body):
    return subprocess.run(
        [sys.executable, "-c", SCRIPT.format(body=body)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )


def test_success_says_so_and_keeps_the_output_in_the_log(tmp_path):
    done = run(tmp_path, "pass")
    assert done.returncode == 0
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert lines[:2] == ["progress", "a note"]
    assert lines[2].startswith("done: train shapes/retinanet/ap/seed1")
    assert (tmp_path / "logs/train.log").read_text() == "to the log, threads 3\n"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("raise ValueError('first\\nsecond')", "ValueError: first"),
        (
            "from rankdet.errors import InputError; raise InputError('the file is empty')",
            "the file is empty",
        ),
        (
            "import errno; raise OSError(errno.ENOSPC, 'No space left on device')",
            "the disk of shapes/retinanet/ap/seed1 is full; free some space and run again "
            "to continue",
        ),
        ("raise KeyboardInterrupt", "stopped by the user; run again to continue"),
        ("import sys; sys.exit(3)", "stopped with exit code 3"),
    ],
)
def test_failure_is_one_line_with_the_traceback_in_the_log(tmp_path, body, reason):
    done = run(tmp_path, body)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"error: train shapes/retinanet/ap/seed1: {reason} (log: logs/train.log)"
    )
    assert "Traceback" not in done.stderr
    assert "Traceback" in (tmp_path / "logs/train.log").read_text()
    record = json.loads((tmp_path / "shapes/retinanet/ap/seed1/work/failure.json").read_text())
    assert (record["status"], record["reason"]) == ("failed", reason)


def test_the_log_of_a_training_has_all_attempts_although_snakemake_removes_it(
    tmp_path, monkeypatch
):
    log, work = tmp_path / "logs/train.log", tmp_path / "shapes/retinanet/ap/seed1/work"
    run(tmp_path, "print('first'); (lambda: 1 / 0)()")
    work.mkdir(parents=True, exist_ok=True)
    log.unlink()  # as Snakemake does
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    run(tmp_path, "print('second'); (lambda: 1 / 0)()")
    log.unlink()
    assert run(tmp_path, "print('third')").returncode == 0
    words = log.read_text()
    assert words.index("first") < words.index("second") < words.index("third")
    assert words.count(": goes on, on ") == words.count(", SLURM job 7\n") == 2
    assert words.count("ZeroDivisionError: ") == 2
    assert not work.exists()
    log.unlink()
    assert run(tmp_path, "print('another training')").returncode == 0
    assert "first" not in log.read_text()
    assert [path.name for path in log.parent.iterdir()] == ["train.log"]


def test_success_clears_only_its_own_failure(tmp_path):
    folder = tmp_path / "shapes" / "retinanet" / "ap" / "seed1"
    failures.record_failure(folder, "predict (val) shapes/retinanet/ap/seed1", "no")
    assert run(tmp_path, "pass").returncode == 0
    assert failure_file(folder).exists()
    failures.record_failure(folder, "train shapes/retinanet/ap/seed1", "no")
    assert run(tmp_path, "pass").returncode == 0
    assert not (folder / "work").exists()


def test_jobs_of_one_run_that_fail_at_once_do_not_trip_each_other(tmp_path, monkeypatch):
    monkeypatch.setattr(failures, "own_folder", lambda: None)  # for what the disk does not take
    replace = Path.replace

    def another_first(self, target):
        monkeypatch.setattr(Path, "replace", replace)
        monkeypatch.setattr(context.os, "getpid", lambda: 1)
        failures.record_failure(tmp_path / "run", "evaluate (val)", "first")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", another_first)
    failures.record_failure(tmp_path / "run", "predict (val)", "second")
    assert failures.failure(tmp_path / "run").reason == "second"


def test_jobs_at_several_thresholds_are_told_apart():
    """Or the success of one would clear the failure of another."""
    val, train = SimpleNamespace(split="val"), SimpleNamespace(split="train")
    jobs = [({}, val), ({"threshold": "0.05"}, val), ({"threshold": "0.4"}, val), ({}, train)]
    jobs.append(({"test": "mirrored"}, val))
    told = [context.evaluation_name(SimpleNamespace(wildcards=w, params=p)) for w, p in jobs]
    assert told == ["val", "val at 0.05", "val at 0.4", "train", "val as mirrored"]


def test_memory_and_hidden_full_disks_are_recognised(tmp_path, monkeypatch):
    assert failure_reason(MemoryError(), tmp_path).startswith("out of memory")
    cuda = RuntimeError("CUDA out of memory. Tried to allocate 20 GiB\nmore")
    assert failure_reason(cuda, tmp_path).startswith("out of memory (CUDA out of memory. Tried")
    on_cpu = RuntimeError(
        "DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"
    )
    assert failure_reason(on_cpu, tmp_path).startswith("out of memory (DefaultCPUAllocator")
    wrapped = InputError("cannot write the file")
    wrapped.__cause__ = OSError(errno.EDQUOT, "Disk quota exceeded")
    assert "is full" in failure_reason(wrapped, tmp_path)
    torch_says = RuntimeError("PytorchStreamWriter failed writing file data/0: file write failed")
    assert failure_reason(torch_says, tmp_path).startswith("RuntimeError: Pytorch")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
    assert "is full" in failure_reason(torch_says, tmp_path)


LEAVING = """
import atexit, sys
from rankdet.jobs.context import leave

class Held:
    def __del__(self):
        print("taken apart")

held = Held()
atexit.register(print, "second")
atexit.register(print, "first")
sys.stdout.write("said, ")
leave()
print("never")
"""


def test_a_job_that_leaves_calls_what_was_registered_and_takes_nothing_apart(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", LEAVING],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "said, first\nsecond\n")
