"""Results without Snakemake's notes; a number or the data was edited: each command says it."""

import json
import os
import re
import shutil
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.workflow.conftest import Sandbox, copy_of
from tests.workflow.test_workflow_images import planned

RUN = Path("results/pets/own/retinanet/ap/seed1")
RETRAINED = {"train", "untrained", "predict", "evaluate"}


@pytest.fixture
def copied(finished_pets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    monkeypatch.setenv("COLUMNS", "300")  # `rankdet plan` breaks no line
    return copy_of(finished_pets, tmp_path / "box", without=".snakemake")


def rankdet(box: Sandbox, *arguments: str) -> str:
    done = box.call([sys.executable, "-m", "rankdet.cli", *arguments])
    assert done.returncode == 0, done.stderr
    return re.sub(r"\s+", " ", done.stdout)


def plan(box: Sandbox) -> str:
    return rankdet(box, "plan", "--configfile", "pets.yaml")


def page(box: Sandbox) -> str:
    rankdet(box, "report", "pets", "--out", "page")
    return (box.root / "page/index.html").read_text()


def one_number(path: Path, old: str, new: str) -> None:
    """Changes one number of a file, and keeps its size and Snakemake's order of times."""
    text, status = path.read_text(), path.stat()
    assert old in text and len(old) == len(new)
    path.write_text(text.replace(old, new, 1))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))


def numbers(path: Path) -> object:
    """What a file says, without the checksums and times of the files that it was made of."""
    content = json.loads(path.read_text())
    return content if isinstance(content, list) else {**content, "made_of": None}


def test_a_copy_is_up_to_date(copied: Sandbox) -> None:
    assert planned(copied)[0] == set()
    assert "up to date" in plan(copied) and "again" not in plan(copied)
    for path in (copied.root / "results").rglob("*.json"):
        os.utime(path, ns=(1, path.stat().st_mtime_ns + 10**9))  # other times, the same bytes
    assert "again" not in plan(copied) and '<tr class="stale"' not in page(copied)


FAULT = "a number of a result edited by hand, after a copy without Snakemake's notes"


@pytest.mark.parametrize(
    ("name", "old", "new", "again"),
    [
        ("detections.json", "0.9", "0.8", {"predict", "evaluate"}),
        ("speed.json", "0.1", "0.2", {"predict", "evaluate"}),
        ("metrics.json", '"AP": 1', '"AP": 0', {"evaluate"}),
    ],
)
@pytest.mark.fault(FAULT)
def test_an_edited_number_is_named(copied: Sandbox, name, old, new, again) -> None:
    one_number(copied.root / RUN / name, old, new)
    rules, said = planned(copied)
    assert rules == again
    why = f"{name} was edited"
    assert said.count(f"note: {RUN}/") == 1 and f"{why}; made again" in said
    step = "detected" if "predict" in again else "evaluated"
    assert f"will be {step} again, because {why}" in plan(copied)
    shown = page(copied)
    assert f"not those of the plan: {why}" in shown
    assert len(re.findall(r'<tr class="stale"', shown)) == 1


@pytest.mark.fault(FAULT, tries=3)
def test_edited_numbers_are_made_again(copied: Sandbox) -> None:
    """One file of each kind, each of another run or split, so that each is made for itself."""
    untrained = RUN.parents[1] / "untrained/seed1"
    edits = {
        RUN / "metrics.json": ('"AP": 1', '"AP": 0'),
        RUN / "on-train/detections.json": ("0.9", "0.8"),
        untrained / "speed.json": ("0.1", "0.2"),
    }
    before = [numbers(copied.root / file) for file in edits]
    for file, (old, new) in edits.items():
        one_number(copied.root / file, old, new)
    done = copied.snakemake(study="pets.yaml")
    assert done.returncode == 0, done.stderr
    made = [line.split("  ")[0] for line in done.stderr.splitlines() if line.startswith("done: ")]
    assert sorted(line.removeprefix("done: ").replace("own/retinanet/", "") for line in made) == [
        "evaluate (train) ap/seed1",
        "evaluate (val) ap/seed1",
        "evaluate (val) untrained/seed1",
        "leaderboard",
        "predict (train) ap/seed1",
        "report",
        "untrained untrained/seed1",
    ]
    assert [numbers(copied.root / file) for file in edits] == before
    assert copied.planned(study="pets.yaml") == [] and "again" not in plan(copied)


def test_an_edited_number_of_another_split_leaves_the_main_one(copied: Sandbox) -> None:
    one_number(copied.root / RUN / "on-train/metrics.json", '"AP": 1', '"AP": 0')
    dry = copied.snakemake("-n", "--quiet", "host", study="pets.yaml")
    made = re.findall(r"^rule (\w*(?:predict|evaluate|train)\w*):", dry.stdout, re.MULTILINE)
    assert made == ["evaluate_on"]
    assert '<tr class="stale"' not in page(copied)


def test_other_settings_of_the_test_and_other_code_of_evaluation(copied: Sandbox) -> None:
    copied.edit("rankdet/results/metrics_record.py", "DRAWS = 1000", "DRAWS = 999")
    rules, said = planned(copied)
    assert rules == {"evaluate"} and "and 2 more: the code of evaluation changed" in said
    copied.edit("pets.yaml", "splits: [val, train]", "splits: [val, train]\ntest: {nms_iou: 0.4}")
    rules, said = planned(copied)
    assert rules == RETRAINED - {"train"} and "the code of its test changed; made again" in said
    assert "detected again, because the settings or the code of its test changed" in plan(copied)


def test_replaced_images_and_edited_annotations(copied: Sandbox) -> None:
    copied.edit("pets.yaml", "{images: pets/", "{images: ./pets/")  # the same files
    assert planned(copied)[0] == set()
    root = copied.root / "pets"
    one_number(root / "val.json", "400", "399")
    assert planned(copied)[0] == {"data", *RETRAINED}
    assert "will be trained again, because val.json changed" in plan(copied)
    shown = page(copied)
    assert "older than its data: val.json changed" in shown
    one_number(root / "val.json", "399", "400")
    Image.new("RGB", (64, 48), (200, 0, 0)).save(root / "val/2.png")
    rules, said = planned(copied)
    assert rules == {"data", *RETRAINED} and said.count("1 file (2.png) changed since") == 1
    assert "trained again, because images: 1 file (2.png) changed" in plan(copied)
    assert "older than its data: images: 1 file (2.png) changed" in page(copied)


def test_other_options_of_a_dataset(copied: Sandbox) -> None:
    shutil.copytree(copied.root / "pets/val", copied.root / "pets/other")
    copied.edit("pets.yaml", "val: {images: pets/val,", "val: {images: pets/other,")
    rules, said = planned(copied)
    assert rules == {"data", *RETRAINED}
    assert "dataset.json: the options of the dataset changed; made again" in said
    assert "trained again, because the options of the dataset changed" in plan(copied)
    plan_file = copied.root / "results/pets/plan.json"
    text = json.loads(plan_file.read_text())
    text["datasets"][0]["made_of"]["config"]["val"]["images"] = "pets/other"
    plan_file.write_text(json.dumps(text))
    assert "older than its data: the options of the dataset changed" in page(copied)
