"""Ctrl-C twice: the second one comes while Snakemake ends its jobs."""

import signal
import subprocess
import sys

import pytest

CODE = """
import sys, time
from rankdet.jobs.startup import interrupt_once

interrupt_once()
try:
    print("ready", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    print("interrupted", flush=True)
    sys.stdin.readline()  # as Snakemake ends its jobs
print("ended", flush=True)
"""


@pytest.mark.fault("Ctrl-C twice while a study runs")
def test_the_second_ctrl_c_does_not_interrupt_the_end():
    # a shell that starts pytest in the background lets its processes ignore SIGINT
    process = subprocess.Popen(
        [sys.executable, "-c", CODE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "interrupted\n"
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate("\n", timeout=30)
    assert output == "ended\n" and process.returncode == 0
