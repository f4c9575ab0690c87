"""What the user is told when SLURM ends a job, and whether Snakemake tries it again."""

import asyncio
import json
from types import ModuleType, SimpleNamespace

import pytest

from rankdet.jobs.slurm import attempts
from rankdet.jobs.slurm.attempts import Attempts
from rankdet.jobs.slurm.commands import End
from rankdet.results.failures import record_failure

KEY = "shapes/retinanet/ap/seed1"
WILDCARDS = {"dataset": "shapes", "detector": "retinanet", "loss": "ap", "seed": "1"}


class Case:
    """A run whose jobs are one group: train, then evaluate."""

    def __init__(self, root, monkeypatch):
        self.run = root / KEY
        (self.run / "work").mkdir(parents=True)
        study = SimpleNamespace(folder=str(root), run=lambda _: SimpleNamespace(key=KEY))
        self.needs = SimpleNamespace(longer={KEY: 0}, larger={KEY: 0}, longest=1440)
        self.watch = Attempts(SimpleNamespace(), study, self.needs, True)
        self.train = self.job("train.py", "run.json")
        self.evaluate = self.job("evaluate.py", "metrics.json")
        self.group = SimpleNamespace(
            is_group=lambda: True,
            toposorted=[[self.train], [self.evaluate]],
            attempt=1,
            restart_times=50,
        )
        self.monkeypatch = monkeypatch

    def job(self, script, output):
        rule = SimpleNamespace(script=f"workflows/scripts/{script}", name=script[:-3])
        params = SimpleNamespace(split="val")
        return SimpleNamespace(
            rule=rule, wildcards=WILDCARDS, output=[self.run / output], params=params
        )

    def checkpoint(self, iteration):
        note = self.run / "work" / f"epoch_{iteration}.json"
        note.write_text(json.dumps({"iteration": iteration}))

    def ends(self, state, why="it ended", **more):
        """SLURM ends the group; returns whether it is tried again."""
        self.monkeypatch.setattr(attempts, "end_of", lambda *_: End(state, why))
        self.watch.failed(SimpleNamespace(job=self.group, external_jobid="7"), "x", **more)
        return self.group.restart_times > self.group.attempt - 1

    @property
    def reason(self):
        return json.loads((self.run / "work" / "failure.json").read_text())["reason"]


@pytest.fixture
def case(tmp_path, monkeypatch):
    return Case(tmp_path, monkeypatch)


def test_a_training_that_gets_further_goes_on_and_its_reason_is_kept(case, capsys):
    for iteration in (12, 24, 36):
        case.checkpoint(iteration)
        assert case.ends("TIMEOUT", "SLURM ended job 7 at its time limit of 00:01:00")
        said = capsys.readouterr().err
        assert said == (
            f"note: train {KEY}: SLURM ended job 7 at its time limit of 00:01:00; it goes on from "
            f"iteration {iteration}\n"
        )
        assert "time limit of 00:01:00; run again to continue" in case.reason
    assert not case.ends("TIMEOUT")
    assert "no checkpoint was written in that time" in capsys.readouterr().err
    assert case.needs.longer[KEY] == 0  # more time is for jobs that cannot resume


def test_a_training_that_is_cancelled_before_its_first_checkpoint_starts_again(case, capsys):
    assert case.ends("CANCELLED", "SLURM job 7 was cancelled by root")
    assert capsys.readouterr().err.endswith("was cancelled by root; it starts again\n")
    assert not case.ends("CANCELLED", "SLURM job 7 was cancelled by root")
    assert capsys.readouterr().err.startswith("error: ")


def test_the_own_reason_of_a_job_is_neither_replaced_nor_printed_twice(case, capsys):
    record_failure(case.run, f"train {KEY}", "the loss has no gradient")
    assert not case.ends("FAILED", "exit code 1", aux_logs=["slurm/7.log"])
    assert case.reason == "the loss has no gradient" and capsys.readouterr().err == ""


def test_a_job_that_fails_without_a_reason_names_its_log(case, capsys):
    assert not case.ends("FAILED", "SLURM job 7 ended with exit code 1", aux_logs=["slurm/7.log"])
    assert "exit code 1 (log: slurm/7.log); an error of the job itself" in case.reason
    assert capsys.readouterr().err.startswith(f"error: train {KEY}: ")


def test_after_the_training_the_evaluation_is_named_and_gets_more(case, capsys):
    (case.run / "run.json").touch()
    assert case.ends("OUT_OF_MEMORY", "too much memory")
    assert case.ends("TIMEOUT", "its time limit")
    assert f"note: evaluate (val) {KEY}: too much memory; it starts again" in (
        capsys.readouterr().err
    )
    assert case.needs.larger[KEY] == case.needs.longer[KEY] == 1


def test_a_refused_submission_is_one_line_with_slurms_words(case, capsys):
    message = (
        "SLURM sbatch failed. The error message was 'sbatch: error: Invalid qos'.\n"
        "    sbatch call:\n        sbatch --parsable\n"
    )
    case.watch.failed(SimpleNamespace(job=case.group, external_jobid=None), message)
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "SLURM refused the job: Invalid qos; account, " in said
    assert case.group.attempt == case.group.restart_times + 1
    assert "sbatch call" not in case.reason


def test_the_plugin_learns_that_a_job_was_cancelled_by_someone():
    plugin = ModuleType("plugin")

    async def query_job_status(command, logger):
        return ({"7": "CANCELLED by 0", "8": "RUNNING"}, 0.1) if command else (None, None)

    plugin.query_job_status = query_job_status
    attempts.understand_states(plugin)
    attempts.understand_states(plugin)
    found = asyncio.run(plugin.query_job_status("sacct", None))
    assert found == ({"7": "CANCELLED", "8": "RUNNING"}, 0.1)
    assert asyncio.run(plugin.query_job_status("", None)) == (None, None)


def test_a_job_that_slurm_does_not_start_again_has_failed(capsys):
    plugin, now = ModuleType("plugin"), [0.0]

    async def query_job_status(states, logger):
        return states, 0.1

    plugin.query_job_status = query_job_status
    attempts.understand_states(plugin, lambda: now[0])

    def seen(seconds, *states):
        now[0] = seconds
        query = plugin.query_job_status(dict(zip("789", states, strict=True)), None)
        return list(asyncio.run(query)[0].values())

    assert seen(0, "PREEMPTED", "NODE_FAIL", "RUNNING") == ["PENDING", "PENDING", "RUNNING"]
    assert seen(50, "PREEMPTED", "RUNNING", "RUNNING") == ["PENDING", "RUNNING", "RUNNING"]
    assert capsys.readouterr().err == (
        "note: SLURM job 7 made room for a job with a higher priority; "
        "SLURM should start it again\n"
        "note: SLURM job 8 lost its node; SLURM should start it again\n"
    )
    assert seen(60, "PREEMPTED", "NODE_FAIL", "RUNNING") == ["FAILED", "PENDING", "RUNNING"]
    assert seen(120, "RUNNING", "NODE_FAIL", "COMPLETED") == ["RUNNING", "FAILED", "COMPLETED"]
