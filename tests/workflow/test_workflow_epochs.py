"""A table shows epochs on the way: one training keeps them, and each is tested by its own jobs."""

import json
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.workflow.conftest import Sandbox, make_sandbox

STUDY = """
study: epochs
title: Epochs on the way
scale: No training at all; the numbers mean nothing.
preset: small
datasets:
  shapes: {kind: shapes, title: Shapes, seed: 1, image_size: 64, train_images: 2, val_images: 2}
runs:
  - {dataset: shapes, detectors: [foveabox], losses: [ap]}
runs_of_tables: {datasets: {coco: shapes}}
schedule: {image_size: 64, batch_size: 2, iterations: 4}
untrained: false
tables: [alrp-rebuttal/tableA1]
"""
LOSSES = ("alrp", "focal+foveabox")
TRAIN = "train_keeping_50_of_100_75_of_100"
RUN = "results/epochs/shapes/foveabox/alrp/seed1"


FAILING = """def predict(spec, run_dir, split, out_dir):
    assert not (Path("fails").exists() and "50-of" in str(run_dir))
"""


def make(root: Path) -> Sandbox:
    box = make_sandbox(root)
    (box.root / "epochs.yaml").write_text(STUDY)
    return box


@pytest.fixture(scope="module")
def box(tmp_path_factory) -> Sandbox:
    """A copy in which tests plan."""
    return make(tmp_path_factory.mktemp("planned"))


@dataclass(frozen=True)
class Seen:
    """A study in which the test of an epoch fails, which is then mended and run again.

    Attributes:
        box: The finished copy.
        failing: The first start.
        page: The page of the paper after it.
        mended: The second start.
    """

    box: Sandbox
    failing: subprocess.CompletedProcess
    page: str
    mended: subprocess.CompletedProcess


@pytest.fixture(scope="module")
def seen(tmp_path_factory) -> Seen:
    box = make(tmp_path_factory.mktemp("run"))
    predict = FAILING.splitlines(keepends=True)[0]
    box.edit("rankdet/training/__init__.py", predict, FAILING)
    (box.root / "fails").touch()
    failing = box.snakemake(study="epochs.yaml")
    page = (box.root / "reports/html/epochs/papers/alrp-rebuttal.html").read_text()
    (box.root / "fails").unlink()
    return Seen(box, failing, page, box.snakemake(study="epochs.yaml"))


def counted(box: Sandbox, *arguments: str) -> Counter:
    """How many jobs there are of each rule and loss, without those that make pages and tables."""
    jobs = box.planned(*arguments, study="epochs.yaml")
    rules = ("train", "predict", "evaluate")
    return Counter((rule, loss) for rule, loss in jobs if rule.startswith(rules))


def test_one_training_and_an_evaluation_for_each_epoch(box):
    jobs = counted(box)
    expected = {("train", "ap"): 1, ("predict", "ap"): 1, ("evaluate", "ap"): 1}
    for loss in LOSSES:
        expected |= {(TRAIN, loss): 1, ("predict", loss): 1, ("evaluate", loss): 1}
        expected |= {("predict_epoch", loss): 2, ("evaluate_epoch", loss): 2}
    assert jobs == expected


def test_settings_of_train_are_those_of_every_training(box):
    given = ["--set-resources", "train:mem_mb=7777", "--set-threads", "train=2"]
    done = box.snakemake("-n", "--quiet", "host", *given, study="epochs.yaml")
    blocks = [part for part in done.stdout.split("\nrule ") if part.startswith("train")]
    assert len(blocks) == 3
    assert all("mem_mb=7777" in part and "threads: 2" in part for part in blocks)


def test_a_failed_test_of_an_epoch_is_told_in_its_cell(seen):
    assert seen.failing.returncode != 0
    told = f"failed: {RUN.removeprefix('results/epochs/')}: AssertionError: no message"
    assert told in seen.failing.stderr
    assert "aLRP L., epoch 50: seed 1: failed: AssertionError: no message" in seen.page
    assert "aLRP L., epoch 75" not in seen.page


def test_the_epochs_are_tested_and_a_new_wish_trains_again(seen):
    box, done = seen.box, seen.mended
    assert done.returncode == 0, done.stdout + done.stderr
    assert "done: evaluate (val after epoch 50-of-100) shapes/foveabox/alrp/seed1" in done.stderr
    weights = box.root / RUN / "epoch-75-of-100" / "model.pth"
    assert weights.read_bytes() == b"75-of-100"
    table = box.root / "results/epochs/tables/alrp-rebuttal/tableA1/table.json"
    (block,) = json.loads(table.read_text())["blocks"]
    keys = [
        f"shapes/foveabox/alrp/seed1{part}" for part in ("/epoch-50-of-100", "/epoch-75-of-100")
    ]
    assert block["rows"][1]["runs"] == [*keys, "shapes/foveabox/alrp/seed1"]
    assert all(c["ours"] == 100 for row in block["rows"] for c in row["cells"].values())
    assert not counted(box)

    # Another epoch: the runs that did not keep it are trained again, and the plan says so.
    box.edit("analysis/papers/alrp-rebuttal/tableA1.yaml", "run: {epoch: 75}", "run: {epoch: 80}")
    command = [sys.executable, "-m", "rankdet.cli", "plan", "--configfile", "epochs.yaml"]
    told = " ".join(plan_of(box, command).split())
    assert told.count("again, because it did not keep epoch 80 of 100") == 2
    jobs = counted(box)
    assert [jobs["train_keeping_50_of_100_80_of_100", loss] for loss in LOSSES] == [1, 1]
    assert not any(loss == "ap" for _, loss in jobs)

    # Fewer epochs: nothing is trained or tested.
    box.edit("analysis/papers/alrp-rebuttal/tableA1.yaml", ", run: {epoch: 80}", "")
    assert not counted(box)
    assert "trained again" not in plan_of(box, command)


def plan_of(box: Sandbox, command: list[str]) -> str:
    done: subprocess.CompletedProcess = box.call(["env", "COLUMNS=400", *command])
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_epoch_after_the_end_is_one_line(tmp_path):
    box = make(tmp_path)
    box.edit("analysis/papers/alrp-rebuttal/tableA1.yaml", "run: {epoch: 75}", "run: {epoch: 150}")
    done = box.snakemake("-n", study="epochs.yaml")
    assert done.returncode == 2
    (line,) = [one for one in done.stderr.splitlines() if not one.startswith("Using workflow")]
    assert line == (
        "error: analysis/papers/alrp-rebuttal/tableA1.yaml: epoch 150 is not before the end of "
        "schedule 'alrp-500-late', which has 100 epochs; name an earlier epoch, or leave `epoch` "
        "out for the end"
    )
