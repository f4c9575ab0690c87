"""A job ends when its workflow is gone, however it was started."""

import os
import signal
import subprocess
import sys
import time

import pytest

from rankdet import lifetime
from rankdet.repository import ROOT

JOB = """
import time
from rankdet.lifetime import end_with_parent
end_with_parent()
print("job", flush=True)
time.sleep(300)
"""
MIDDLE = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"
# As Snakemake does: a workflow starts a shell, the shell another process, this one the job.
WORKFLOW = """
import subprocess, sys
from rankdet.lifetime import mark_workflow
mark_workflow()
subprocess.run([sys.executable, "-c", sys.argv[1], sys.argv[2]])
"""


def start(code, *arguments):
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "job\n"
    return process


@pytest.mark.fault("SIGKILL of the workflow or process above a job")
def test_a_job_ends_when_the_workflow_above_its_parent_is_killed():
    workflow = start(WORKFLOW, MIDDLE, JOB)
    began = time.monotonic()
    workflow.send_signal(signal.SIGKILL)
    _, told = workflow.communicate(timeout=60)  # the pipe closes when the job has ended, too
    assert time.monotonic() - began < 30
    assert f"process {workflow.pid}, which started this job, is gone: it ends\n" in told


@pytest.mark.fault("SIGKILL of the workflow or process above a job")
def test_a_job_without_a_workflow_ends_with_its_parent(monkeypatch):
    monkeypatch.delenv(lifetime.WORKFLOW, raising=False)
    shell = start(
        "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])", JOB
    )
    shell.send_signal(signal.SIGKILL)
    _, told = shell.communicate(timeout=60)
    assert "is gone: it ends" in told


def test_the_workflow_of_another_machine_is_not_looked_for_here(monkeypatch):
    """A cluster's job inherits the name of a process of the login node."""
    monkeypatch.setenv(lifetime.WORKFLOW, f"other-host:{2**22 + 1}")
    process = start(JOB)
    time.sleep(1)
    assert process.poll() is None
    process.kill()
    process.communicate()


def test_a_process_that_has_ended_does_not_run():
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    assert lifetime.runs(os.getpid())
    assert not lifetime.runs(done.pid)
    assert not lifetime.runs(2**70)
