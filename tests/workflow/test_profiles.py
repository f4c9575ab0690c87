"""The profile for a cluster, and what the rules ask of one."""

import re
import shutil
from pathlib import Path

import pytest
import yaml

from rankdet.jobs.slurm.site import Site

ROOT = Path(__file__).resolve().parents[2]
MINE = """

use rule train as train_mine with:
    pathvars:
        run="<dataset>/{detector}/{loss,ap}/seed{seed,[0-9]+}",
    resources:
        mem_mb=16000,

ruleorder: train_mine > train
"""
NOT_OURS = ("tmpdir", "disk", "disk_mb", "disk_mib", "mem", "mem_mib")


@pytest.fixture(scope="module")
def asked(sandbox, tmp_path_factory):
    """What each rule asks for if the workflow is planned for a cluster: rule to resources."""
    root = tmp_path_factory.mktemp("profile") / "copy"
    shutil.copytree(sandbox.root, root)
    box = type(sandbox)(root)
    (root / "tiny.yaml").write_text((root / "tiny.yaml").read_text() + "device: cuda\n")
    with (root / "workflows" / "rules" / "train.smk").open("a") as rules:
        rules.write(MINE)
    defaults = ("--default-resources", "slurm_partition=gpu", "runtime=60", "mem_mb=4000")
    done = box.snakemake("-n", "--quiet", "host", *defaults)
    assert done.returncode == 0, done.stderr
    found, rule = {}, ""
    for line in done.stdout.splitlines() + done.stderr.splitlines():
        if start := re.match(r"\s*(?:local)?rule (\w+):", line):
            rule = start[1]
        elif line.strip().startswith("resources: "):
            pairs = re.findall(r"(\w+)=([^,]+)", line)
            found[rule] = {key: value for key, value in pairs if key not in NOT_OURS}
    return found


def test_a_rule_that_inherits_keeps_the_resources_that_it_does_not_name(asked):
    assert asked["train_mine"] == {**asked["train"], "mem_mb": "16000"}
    assert asked["train"]["gpu"] == "1" and asked["train"]["runtime"] == "1440"
    for base in ("predict", "evaluate"):
        assert asked[f"{base}_on"] == asked[base]
    assert asked["predict"]["gpu"] == "1" and "gpu" not in asked["evaluate"]


def test_the_jobs_of_a_run_take_turns_and_others_do_not(asked):
    grouped = {rule for rule, wanted in asked.items() if "turn" in wanted}
    assert grouped >= {"train", "train_mine", "predict", "evaluate", "untrained"}
    assert "data" in asked and "data" not in grouped


def test_the_profile_leaves_to_the_rules_what_depends_on_the_study():
    found = yaml.safe_load((ROOT / "profiles" / "slurm" / "profile.yaml").read_text())
    assert not {"set-threads", "set-resources", "retries", "groups"} & found.keys()
    assert any(entry.startswith("slurm_") for entry in found["default-resources"])


def test_the_file_of_the_site_shows_every_key_with_its_default():
    found = yaml.safe_load((ROOT / "profiles" / "slurm" / "site.yaml").read_text())
    assert {key: value or "" for key, value in found.items()} == Site().model_dump()


def test_a_login_node_that_runs_jobs_itself_asks_for_no_gpu(sandbox, tmp_path, monkeypatch):
    """SLURM's programs are there, but nothing is submitted: trainings would wait for each other."""
    (tmp_path / "sbatch").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "sbatch").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    done = sandbox.snakemake("-n", "--forcerun", "train", "--quiet", "host")
    asked = re.findall(r"rule train:.*?resources: ([^\n]*)", done.stdout + done.stderr, re.DOTALL)
    assert done.returncode == 0 and asked
    gpus = int(Path("/dev/nvidiactl").exists())
    assert all(("gpu=1" in one.split(", ")) == gpus for one in asked)
