"""Planning is fast, does not import torch, and reports a wrong study in one line."""

import subprocess
import sys

import pytest


def test_planning_imports_no_torch(sandbox, tmp_path):
    (tmp_path / "torch.py").write_text("raise SystemExit('torch was imported while planning')\n")
    done = sandbox.snakemake("-n", path=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "train" in done.stdout
    poisoned = sandbox.call([sys.executable, "-c", "import torch"], path=tmp_path)
    assert "torch was imported while planning" in poisoned.stderr


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "title: A tiny",
            "titel: A tiny",
            "error: wrong.yaml: titel: unknown key; did you mean 'title'?",
        ),
        (
            "[focal, ap,",
            "[focal, alpr,",
            "error: wrong.yaml: runs[0].losses[1]: unknown loss 'alpr'; did you mean 'alrp'? ",
        ),
    ],
)
def test_a_wrong_study_is_one_line(sandbox, old, new, message):
    text = (sandbox.root / "tiny.yaml").read_text()
    assert old in text
    (sandbox.root / "wrong.yaml").write_text(text.replace(old, new))
    done = sandbox.snakemake("-n", study="wrong.yaml")
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if not line.startswith("Using workflow")]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith(message)


def test_a_loss_can_have_a_separate_rule(sandbox):
    rules = sandbox.root / "workflows" / "rules" / "train.smk"
    text = rules.read_text()
    example = [line.removeprefix("#     ") for line in text.splitlines() if line.startswith("#   ")]
    rule = "\n".join(example).replace("mine[^/]*", "ap[^/]*").replace("mine", "ap")
    rules.write_text(f"{text}\n\n{rule}\n")
    try:
        jobs = sandbox.planned()
    finally:
        rules.write_text(text)
    assert ("train_ap", "ap") in jobs
    assert sorted(loss for name, loss in jobs if name == "train") == ["alrp+no-sb", "focal"]


def test_a_single_run_can_be_requested(sandbox):
    jobs = sandbox.planned("results/tiny/shapes/retinanet/ap/seed1/metrics.json")
    assert sorted(rule for rule, _ in jobs) == ["data", "evaluate", "predict", "train"]


def test_the_plan_command_prints_all_runs(sandbox):
    command = [sys.executable, "-m", "rankdet.cli", "plan", "--configfile", "tiny.yaml"]
    done: subprocess.CompletedProcess = sandbox.call(command)
    assert done.returncode == 0, done.stderr
    assert "alrp+no-sb" in done.stdout
    assert "3 trainings, 9 iterations" in done.stdout
