"""What SLURM says is understood, and which of its jobs are tried again."""

import os

import pytest

from rankdet.errors import InputError
from rankdet.jobs.slurm import commands
from rankdet.jobs.slurm.commands import Node
from rankdet.jobs.slurm.endings import Tries, refusal
from rankdet.jobs.slurm.limits import Request, impossible, longest
from rankdet.jobs.slurm.site import load_site, options


@pytest.fixture
def says(tmp_path, monkeypatch):
    """Puts commands of SLURM on the path that print a text."""

    def put(name, text, code=0):
        (tmp_path / f"{name}.txt").write_text(text)
        path = tmp_path / name
        stream = "1>&2" if code else ""
        path.write_text(f"#!/bin/sh\ncat {tmp_path}/{name}.txt {stream}\nexit {code}\n")
        path.chmod(0o755)

    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    return put


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ("30:00", 30),
        ("2:30:00", 150),
        ("1-02:30:00", 1590),
        ("infinite", None),
        ("45", 0),
        ("n/a", None),
    ],
)
def test_times_of_slurm(limit, expected):
    assert commands.minutes(limit) == expected


def test_nodes_with_several_types_of_gpus(says):
    says(
        "sinfo",
        "gpu*|64|512000+|gpu:a100:4(S:0-1),gpu:v100:2,tmp:1|1-00:00:00\ncpu|8+|16000|(null)|infinite\n",
    )
    assert commands.nodes() == [
        Node("gpu", 64, 512000, 6, 1440, default=True),
        Node("cpu", 8, 16000, 0, None),
    ]


def test_a_cluster_with_and_without_accounts(says):
    says("scontrol", "AccountingStorageType = accounting_storage/slurmdbd\nMinJobAge = 300 sec\n")
    assert commands.setup() == commands.Setup(True, 300)
    says("scontrol", "AccountingStorageType = (null)\nMinJobAge = 5 sec\n")
    assert commands.setup() == commands.Setup(False, 5)


def test_slurms_own_words_are_the_message(says):
    says("sinfo", "slurm_load_partitions: Unable to contact slurm controller\n", code=1)
    with pytest.raises(InputError, match=r"^sinfo: slurm_load_partitions: Unable to contact"):
        commands.nodes()
    assert commands.words("sbatch: error: No such thing\nsbatch: error: No.\n") == (
        "No such thing; No."
    )


@pytest.mark.parametrize(
    ("line", "state", "why"),
    [
        ("CANCELLED by 0|1-00:00:00|n1|0:15", "CANCELLED", "SLURM job 7 was cancelled by root"),
        ("TIMEOUT|00:01:00|n1|0:0", "TIMEOUT", "SLURM ended job 7 at its time limit of 00:01:00"),
        ("NODE_FAIL|00:01:00|n[1-2]|1:0", "NODE_FAIL", "a node failed under SLURM job 7 (n[1-2])"),
        ("FAILED|00:01:00|n1|3:0", "FAILED", "SLURM job 7 ended with exit code 3"),
        ("ODD|00:01:00|n1|3:0", "ODD", "SLURM job 7 ended as ODD"),
    ],
)
def test_why_a_job_ended_with_accounts(says, line, state, why):
    says("sacct", f"{line}\n")
    assert commands.end_of("7", accounting=True) == commands.End(state, why)


def test_why_a_job_ended_without_accounts(says):
    says("scontrol", "JobId=7 JobState=TIMEOUT Reason=TimeLimit TimeLimit=00:01:00 NodeList=n1\n")
    end = commands.end_of("7", accounting=False)
    assert end == commands.End("TIMEOUT", "SLURM ended job 7 at its time limit of 00:01:00")
    says("scontrol", "slurm_load_jobs error: Invalid job id specified\n", code=1)
    assert commands.end_of("7", accounting=False).state == ""


NODES = [Node("gpu", 8, 64000, 2, 60, default=True), Node("big", 64, 8000, 0, None)]


@pytest.mark.parametrize(
    ("wanted", "partition", "words"),
    [
        ({"cores": 9}, "", "9 threads, and no node of the default partition has more than 8"),
        ({"cores": 9}, "gpu,big", ""),
        ({"cores": 64, "gpus": 1}, "gpu,big", "no single node of partition gpu,big has 64 threads"),
        ({"memory": 9000}, "big", "9,000 MB of memory"),
        ({"gpus": 3}, "gpu", "lower schedule.gpus"),
        ({"cores": 1}, "night", "the cluster has no partition night; its partitions: big, gpu"),
        ({"cores": 8, "memory": 64000, "gpus": 2}, "gpu", ""),
    ],
)
def test_a_job_that_no_node_can_run_is_named(wanted, partition, words):
    found = impossible(
        [Request("train a", {"cores": 1}), Request("train b", wanted, partition)], NODES
    )
    assert words in found and bool(words) == found.startswith("train b can never start: ")


def test_the_longest_job_of_a_partition():
    assert longest("", NODES) == 60
    assert longest("gpu,big", NODES) is None
    assert longest("night", NODES) is None


def test_a_training_goes_on_after_time_limits_as_long_as_it_gets_further():
    tries = Tries()
    for iteration in range(100, 5000, 100):
        assert tries.again("run", "TIMEOUT", iteration) == ""
    assert "no checkpoint was written" in tries.again("run", "TIMEOUT", 4900)


def test_errors_of_a_job_are_not_repeated_and_users_are_obeyed():
    tries = Tries()
    assert tries.again("a", "FAILED", 10) == "an error of the job itself"
    assert tries.again("a", "CANCELLED", 10) == ""
    assert tries.again("b", "CANCELLED", 10) == ""
    assert tries.again("a", "CANCELLED", 20) == "this happened 2 times"
    assert all(tries.again("a", "NODE_FAIL", 10) == "" for _ in range(10))
    assert tries.again("a", "NODE_FAIL", 10)


def test_a_submission_is_tried_again_only_if_it_may_succeed():
    assert refusal("sbatch: error: Socket timed out on send/recv operation") == "BUSY"
    assert refusal("Job violates accounting/QOS policy (job submit limit)") == "BUSY"
    assert refusal("invalid partition specified: nono") == "REFUSED"


def site(tmp_path, text, **variables):
    folder = tmp_path / "profiles" / "slurm"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "site.yaml").write_text(text)
    return load_site(tmp_path, variables)


def test_variables_win_over_the_file_of_the_site(tmp_path):
    text = "account: 123\npartition: gpu\naccounting: no\nextra:\n"
    found = site(tmp_path, text, RANKDET_SLURM_PARTITION="big", RANKDET_SLURM_LONGEST="90")
    assert (found.account, found.partition, found.longest) == ("123", "big", 90)
    assert found.accounting == "no" and found.extra == ""


@pytest.mark.parametrize(
    ("text", "variables", "words"),
    [
        ("partitions: gpu", {}, "partition"),
        ("- gpu", {}, "partition: gpu"),
        ('extra: "--reservation=\'a"', {}, "quotation"),
        ("extra: --exclusive -p gpu", {}, "extra: -p cannot be set here: account and partition"),
        ("", {"RANKDET_SLURM_EXTRA": "--time=60"}, "--time cannot be set here: docs/slurm.md"),
        ("extra: --exclusive --qos", {}, "--qos has no value; write --qos=<value>"),
        ("", {"RANKDET_SLURM_LONGEST": "a day"}, "RANKDET_SLURM_LONGEST"),
    ],
)
def test_an_error_in_the_file_of_the_site_is_one_line(tmp_path, text, variables, words):
    with pytest.raises(InputError, match=words) as error:
        site(tmp_path, text, **variables)
    assert "\n" not in str(error.value) and "site.yaml" in str(error.value)


def test_options_that_the_plugin_has_as_resources_are_given_to_it():
    found = options("--constraint='a100&big' -q long --mail-type FAIL -w 'n 1' --exclusive")
    assert found == (
        {"constraint": "a100&big", "qos": "long"},
        "--mail-type FAIL -w 'n 1' --exclusive",
    )
    assert options("-Ca100") == ({"constraint": "a100"}, "")
    assert options("") == ({}, "")
