"""One training through everything that ends jobs on a cluster, one through its time limits."""

import json
from pathlib import Path

import pandas as pd
import pytest

from tests.cluster.conftest import running

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
URGENT = ("sbatch", "-p", "urgent", "-n", "2", "--gpus=2", "-o", "/dev/null", "--wrap", "sleep 5")


@pytest.fixture(scope="module")
def slurm(request):
    yield from running(accounts=True, request=request)


def jobs(slurm, partition="gpu"):
    return slurm.ask("squeue", "-h", "-o", "%i", "-p", partition, "-t", "R").split()


def trainings(run):
    """The processes that train a run."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            command = (path / "cmdline").read_bytes().split(b"\0")
            if any(part.endswith(b"train.py") for part in command):
                found += [int(path.name)] * ((path / "cwd").readlink() == run.parents[5])
        except OSError:
            continue
    return found


def further(flow, by=5):
    """Waits until a training has written some iterations more than the last attempt."""
    before = flow.seen.get("rows", 0)
    flow.wait(lambda: flow.rows() >= before + by, f"{before + by} iterations")
    flow.seen["rows"] = flow.rows()


@pytest.fixture(scope="module")
def eventful(slurm, slow_project):
    """A training that is cancelled, then pre-empted, and then loses the daemon of its node."""
    flow = slow_project.start()
    further(flow)
    slurm.ask("scancel", *jobs(slurm))
    flow.wait(lambda: "was cancelled" in flow.text(), "the message about the cancelled job")
    flow.seen["record"] = (flow.run / "work" / "failure.json").read_text()
    further(flow)
    slurm.ask(*URGENT)
    flow.wait(lambda: not jobs(slurm), "the end of the job that was pre-empted")
    further(flow)
    flow.seen["zombies"] = trainings(flow.run)
    slurm.kill_daemon("n1")
    slurm.start("n2")
    flow.wait(lambda: "asks process" in flow.text(), "the question to the first process")
    flow.wait(lambda: not set(flow.seen["zombies"]) & set(trainings(flow.run)), "its end")
    flow.hurry()
    flow.seen["code"] = flow.finish()
    return flow


@pytest.mark.fault("SLURM: job cancelled, pre-empted, daemon of its node killed", tries=3)
def test_a_training_ends_as_if_nothing_had_happened(eventful):
    assert eventful.seen["code"] == 0, eventful.text()
    record = eventful.record()
    assert record["status"] == "trained" and len(record["training"]["resumed_from"]) >= 3
    rows = pd.read_parquet(eventful.run / "train.parquet")
    assert list(rows.iteration) == list(range(1, 3001))
    lines = (eventful.run / "rows.jsonl").read_text().splitlines()
    written = [json.loads(line)["iteration"] for line in lines]
    assert written == list(range(1, 3001))  # one process at a time has written them
    assert (eventful.run / "metrics.json").exists()
    assert not (eventful.run / "work").exists() and not (eventful.run / "finished").exists()


def test_the_terminal_and_the_record_say_who_cancelled_the_job(eventful):
    reason = json.loads(eventful.seen["record"])["reason"]
    assert "was cancelled by root" in reason
    assert "train shapes/retinanet/focal/seed1: SLURM job" in eventful.text()
    assert "it goes on from iteration" in eventful.text()
    assert "iteration 3000\n" in eventful.text()  # a line of progress


def test_a_training_whose_node_was_lost_does_not_stay_beside_the_next_one(eventful):
    assert eventful.seen["zombies"]
    assert not trainings(eventful.run)
    assert "asks process" in eventful.text() and "to end" in eventful.text()


def test_each_message_is_one_line_that_says_what_it_is(eventful):
    known = ("note: ", "done: ", "error: ", "iteration ", "Job ", "Trying to restart job ")
    begins = eventful.text().index("done: plan")
    ends = eventful.text().index("done: report")
    lines = eventful.text()[begins:ends].splitlines()
    assert not [line for line in lines if not line.startswith(known)]


def test_the_log_of_the_training_has_all_attempts(eventful):
    log = (eventful.run / "logs" / "train.log").read_text()
    assert log.count(": goes on, on ") >= 3
    logs = list((eventful.root / ".snakemake" / "slurm_logs").rglob("*.log"))
    assert len(logs) >= 3  # the dataset, and two of the run


@pytest.mark.fault("SLURM: pre-empted job that is not started again, time limit", tries=2)
def test_a_training_goes_on_after_a_time_limit_and_where_preempted_jobs_are_ended(
    slurm, slow_project
):
    text = (slow_project.root / "slow.yaml").read_text()
    (slow_project.root / "longer.yaml").write_text(text.replace("3000", "3200"))
    flow = slow_project.start(study="longer.yaml", longest="90", partition="spare")
    further(flow)
    slurm.ask(*URGENT)
    flow.wait(lambda: "to a job with a higher priority; it goes on from" in flow.text(), "an end")
    further(flow)
    job = jobs(slurm, "spare")[0]
    assert "TimeLimit=01:30:00" in slurm.ask("scontrol", "show", "job", job)
    # On a machine that is slow enough, no training begins within any limit that a test can wait for
    slurm.ask("scontrol", "update", f"JobId={job}", "TimeLimit=1")
    flow.wait(lambda: "at its time limit" in flow.text(), "the time limit")
    reason = json.loads((flow.run / "work" / "failure.json").read_text())["reason"]
    assert "at its time limit of 00:01:00" in reason
    flow.hurry()
    assert flow.finish() == 0, flow.text()
    assert "at its time limit of 00:01:00; it goes on from iteration" in flow.text()
    assert len(flow.record()["training"]["resumed_from"]) >= 2
