"""Results without Snakemake's notes; a number or the data was edited: each command says it."""

import json
import os
import re
import shutil
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.workflow.conftest import STUDY, Sandbox, make_sandbox
from tests.workflow.test_workflow_images import DATA, make_pets, planned

RUN = Path("results/pets/own/retinanet/ap/seed1")
RETRAINED = {"train", "untrained", "predict", "evaluate"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """A finished study of own images, evaluated on two splits; tests change copies of it."""
    box = make_sandbox(tmp_path_factory.mktemp("edited"))
    make_pets(box.root / "pets")
    start, end = STUDY.index("datasets:"), STUDY.index("schedule:")
    text = STUDY[:start] + DATA + STUDY[end : STUDY.index("tables:")]
    (box.root / "pets.yaml").write_text(text.replace("study: tiny", "study: pets"))
    done = box.snakemake(study="pets.yaml")
    assert done.returncode == 0, done.stderr
    return box


@pytest.fixture
def copied(finished: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    monkeypatch.setenv("COLUMNS", "300")  # `rankdet plan` breaks no line
    shutil.copytree(finished.root, tmp_path / "box", ignore=shutil.ignore_patterns(".snakemake"))
    return Sandbox(tmp_path / "box")


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


def test_a_copy_is_up_to_date(copied: Sandbox) -> None:
    assert planned(copied)[0] == set()
    assert "up to date" in plan(copied) and "again" not in plan(copied)
    for path in (copied.root / "results").rglob("*.json"):
        os.utime(path, ns=(1, path.stat().st_mtime_ns + 10**9))  # other times, the same bytes
    assert "again" not in plan(copied) and '<tr class="stale"' not in page(copied)


@pytest.mark.parametrize(
    ("name", "old", "new", "why", "again"),
    [
        ("detections.json", "0.9", "0.8", "detections.json was edited", {"predict", "evaluate"}),
        ("speed.json", "0.1", "0.2", "speed.json was edited", {"predict", "evaluate"}),
        ("metrics.json", '"AP": 1', '"AP": 0', "metrics.json was edited", {"evaluate"}),
    ],
)
@pytest.mark.fault("a number of a result edited by hand, after a copy without Snakemake's notes")
def test_an_edited_number_is_named_and_made_again(copied, name, old, new, why, again) -> None:
    one_number(copied.root / RUN / name, old, new)
    rules, said = planned(copied)
    assert rules == again
    assert said.count(f"note: {RUN}/") == 1 and f"{why}; made again" in said
    step = "detected" if "predict" in again else "evaluated"
    assert f"will be {step} again, because {why}" in plan(copied)
    shown = page(copied)
    assert f"not those of the plan: {why}" in shown
    assert len(re.findall(r'<tr class="stale"', shown)) == 1
    done = copied.snakemake(study="pets.yaml")
    assert done.returncode == 0, done.stderr
    assert planned(copied)[0] == set() and "again" not in plan(copied)


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
