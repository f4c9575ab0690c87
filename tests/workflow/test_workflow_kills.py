"""Damaged files are named and made again; no training outlives a workflow that was killed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from rankdet.lifetime import runs
from tests.workflow.conftest import copy_of

RUN = "results/tiny/shapes/retinanet/ap/seed1"


@pytest.fixture(scope="module")
def finished(troubled, tmp_path_factory):
    """A copy of the finished study, because these tests damage it."""
    return copy_of(troubled[0].root, tmp_path_factory.mktemp("damage") / "copy")


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.fault("finished study with cut records, started again", tries=7)
def test_cut_records_are_made_again_with_a_line_for_each(finished):
    names = (
        f"{RUN}/matches.parquet",
        f"{RUN}/on-train/metrics.json",
        f"{RUN}/../../alrp+no-sb/seed1/train.parquet",
        "results/tiny/shapes/retinanet/focal/seed1/run.json",
        "results/tiny/shapes/retinanet/focal/seed1/on-train/detections.json",
        "results/tiny/plan.json",
        "results/tiny/tables/alrp/table2/table.json",
    )
    paths = [(finished.root / name).resolve() for name in names]
    for path in paths:
        cut(path)
    last = paths[2].parent / "last"  # a training that goes on needs it
    last.mkdir()
    (last / "state.json").write_text("{}")
    done = finished.snakemake()
    assert done.returncode == 0, done.stderr
    for path in paths:
        name = path.relative_to(finished.root).as_posix()
        told = [line for line in done.stderr.splitlines() if line.startswith(f"note: {name}: ")]
        assert len(told) == 1 and told[0].endswith(
            f"renamed to {path.name}.set-aside and made again"
        )
        assert path.is_file() and path.with_name(f"{path.name}.set-aside").is_file()
        if path.suffix == ".json":
            json.loads(path.read_text())
        else:
            assert path.read_bytes()[-4:] == b"PAR1"
    assert (last / "state.json").read_text() == "{}"
    again = finished.snakemake()
    assert "Nothing to be done" in again.stdout + again.stderr
    assert "note: results" not in again.stderr


def wait_until(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.fault("SIGKILL of Snakemake alone")
def test_a_training_ends_with_the_workflow_that_was_killed(finished):
    """Else two trainings write one folder when the user starts the study again."""
    slow = finished.root / "ap.slow"
    slow.write_text("")
    shutil.rmtree(finished.root / RUN)
    workflow = subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--cores", "2", "--configfile", "tiny.yaml"],
        cwd=finished.root,
        env={**os.environ, "PYTHONPATH": str(finished.root)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_until(slow.read_text)
    training = int(slow.read_text())
    assert runs(training)
    workflow.send_signal(signal.SIGKILL)  # and nothing to its jobs
    workflow.wait()
    wait_until(lambda: not runs(training), seconds=30)
    slow.unlink()
    assert finished.snakemake("--unlock").returncode == 0
    done = finished.snakemake("--rerun-incomplete", f"{RUN}/metrics.json")
    assert done.returncode == 0, done.stderr
    assert (finished.root / RUN / "metrics.json").is_file()
