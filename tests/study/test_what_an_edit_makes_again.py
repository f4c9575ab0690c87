"""For edits of our own code: exactly which runs are trained, and which are predicted, again."""

import json
import shutil
import subprocess
import sys

import pytest

from rankdet.repository import ROOT

COPIED = ("config", "workflows", "analysis", "rankdet", "data")
TWO_STAGES = """
study: stages
title: Two stages
scale: nothing is run
preset: small
datasets: {shapes: {kind: shapes}}
runs:
  - {dataset: shapes, detectors: [faster-rcnn, mask-rcnn], losses: [ce, alrp, rs]}
schedule: {image_size: 64, batch_size: 2, iterations: 3}
"""
# Prints what the jobs of each run depend on, as the workflow's rules read it.
HASHES = """
import json, sys
from rankdet.study.load import load_study
found = {}
for path in sys.argv[1:]:
    for run in load_study([path]).runs:
        key = run.key.removeprefix("shapes/").removesuffix("/seed1")
        trained = "" if run.untrained else json.dumps(dict(run.hashes))
        found[key] = [trained, run.test_hash()]
print(json.dumps(found))
"""
ONE_STAGE = {"retinanet", "atss"}
STAGES = {"faster-rcnn", "mask-rcnn"}
SMOKE = {
    "retinanet": ["focal", "ap", "alrp+iou+no-sb", "alrp+iou", "alrp"],
    "atss": ["focal", "ap", "alrp+no-sb", "alrp"],
}
TRAINED = {f"{detector}/{loss}" for detector, losses in SMOKE.items() for loss in losses}
TRAINED |= {f"{detector}/{loss}" for detector in STAGES for loss in ("ce", "alrp", "rs")}
UNTRAINED = {f"{detector}/untrained" for detector in ONE_STAGE | STAGES}


def of(*losses):
    """The trained runs with these losses."""
    return {run for run in TRAINED if run.split("/")[1] in losses}


def on(*detectors):
    """The trained runs of these detectors."""
    return {run for run in TRAINED if run.split("/")[0] in detectors}


def with_untrained(runs, *detectors):
    return runs | {f"{detector}/untrained" for detector in detectors}


EDITS = {
    "a balance": (
        "rankdet/losses/balance.py",
        "self.weight.copy_((loss_cls + loss_loc) / loss_loc)",
        "self.weight.copy_(loss_cls / loss_loc)",
        of("alrp", "alrp+iou"),
        set(),
    ),
    "a box error": (
        "rankdet/losses/box_errors.py",
        "return 1 - pairwise_giou(",
        "return 2 - pairwise_giou(",
        of("focal", "alrp", "alrp+no-sb", "rs", "ce"),
        set(),
    ),
    "a weighting": (
        "rankdet/losses/box_weightings.py",
        "float().sigmoid().amax(1)",
        "float().sigmoid().amin(1)",
        of("rs"),
        set(),
    ),
    "an adapter of two stages": (
        "rankdet/detectors/rcnn.py",
        'kwargs["reg_decoded_bbox"] = True',
        'kwargs["reg_decoded_bbox"] = False',
        on(*STAGES),
        with_untrained(on(*STAGES), *STAGES),
    ),
    "one head of a family": (
        "rankdet/detectors/dense_anchor.py",
        "has_centerness_targets = True",
        "has_centerness_targets = 1",
        on("atss"),
        with_untrained(on("atss"), "atss"),
    ),
    "a ranking loss": (
        "rankdet/losses/modules.py",
        'errors = problem.of_positives("box_errors") / (',
        'errors = 2 * problem.of_positives("box_errors") / (',
        of("alrp", "alrp+iou", "alrp+no-sb", "alrp+iou+no-sb"),
        set(),
    ),
    "a baseline": (
        "rankdet/detectors/baselines.py",
        "use_sigmoid=True, gamma=gamma",
        "use_sigmoid=True, gamma=gamma + 0",
        of("focal"),
        set(),
    ),
    "the baseline that trains mmdet's RPN": (
        "rankdet/detectors/baselines.py",
        "mmdet_losses.CrossEntropyLoss(use_sigmoid=True)",
        "mmdet_losses.CrossEntropyLoss(use_sigmoid=1)",
        of("ce"),
        set(),
    ),
    "what all criteria share": (
        "rankdet/losses/criterion.py",
        'losses["loss_bbox"] = self.box(problem)',
        'losses["loss_bbox"] = 1 * self.box(problem)',
        TRAINED,
        set(),
    ),
    "the training": (
        "rankdet/training/config.py",
        'schedule.get("momentum", 0.9)',
        'schedule.get("momentum", 0.8)',
        TRAINED,
        set(),
    ),
    "which epoch is kept": (
        "rankdet/results/epochs.py",
        "return -(-self.epoch * epochs // self.of)",
        "return self.epoch * epochs // self.of",
        TRAINED,
        set(),
    ),
    "how kept epochs are read": (
        "rankdet/results/epochs.py",
        "status, reason = NOT_EVALUATED, problem",
        "status, reason = NOT_EVALUATED, None",
        set(),
        set(),
    ),
    "a variant of a card": (
        "workflows/losses/alrp.py",
        '"box": {"type": "iou"}',
        '"box": {"type": "iou", "weight": 2.0}',
        of("alrp+iou", "alrp+iou+no-sb"),
        set(),
    ),
    "a card's part for box heads": (
        "workflows/losses/ce.py",
        '"box": {"weight": 10.0}',
        '"box": {"weight": 9.0}',
        of("ce"),
        set(),
    ),
    "a helper of the datasets": (
        "rankdet/datasets/shapes/bits.py",
        "def ",
        "UNUSED = 1\n\n\ndef ",
        set(),
        set(),
    ),
    "a docstring": (
        "rankdet/losses/balance.py",
        'class SelfBalanceEpoch(Balance):\n    """',
        'class SelfBalanceEpoch(Balance):\n    """Edited. ',
        set(),
        set(),
    ),
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of what planning reads, and its hashes before any edit."""
    root = tmp_path_factory.mktemp("edited")
    for name in COPIED:
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    (root / "stages.yaml").write_text(TWO_STAGES)
    return root, hashes(root)


def hashes(root):
    done = subprocess.run(
        [sys.executable, "-c", HASHES, "config/smoke.yaml", "stages.yaml"],
        cwd=root,
        env={"PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_studies_have_these_runs(copy):
    assert set(copy[1]) == TRAINED | UNTRAINED


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_makes_exactly_the_runs_that_use_it_again(copy, edit):
    root, before = copy
    name, old, new, trained, predicted = EDITS[edit]
    text = (root / name).read_text(encoding="utf-8")
    assert old in text
    (root / name).write_text(text.replace(old, new, 1), encoding="utf-8")
    try:
        after = hashes(root)
    finally:
        (root / name).write_text(text, encoding="utf-8")
    assert {key for key in before if before[key][0] != after[key][0]} == trained
    assert {key for key in before if before[key][1] != after[key][1]} == predicted
