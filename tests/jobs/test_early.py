"""A training detects at its end; the job that detects takes this if it would make the same."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rankdet.datasets import prepare
from rankdet.jobs import detections, early
from rankdet.repository import ROOT
from rankdet.results.layout import DETECTIONS, EARLY, MODEL, RUN, SPEED, WORK
from tests.training.alrp_spec import alrp_spec

SAY_NOTHING = "lambda line: None"
JOB = """
import json, os, pathlib, signal, sys
spec, run = json.load(open(sys.argv[1])), pathlib.Path(sys.argv[2])
from rankdet.jobs import detections, early
{body}
print("torch" in sys.modules)
"""
TRAIN = f"detections.train_run(spec, run, {SAY_NOTHING})"
DETECT = "detections.detect(spec, run, 'val', run)"
KILLED = f"""
import rankdet.training
def predict(*_):
    os.kill(os.getpid(), signal.SIGKILL)
rankdet.training.predict = predict
{TRAIN}
"""
FAILING = f"""
import rankdet.training
def predict(*_):
    raise RuntimeError("planted")
rankdet.training.predict = predict
{TRAIN}
"""


def job(spec, run, body):
    """Runs the body of a job in a process of its own."""
    file = run.parent / f"{run.name}.spec.json"
    run.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(spec))
    return subprocess.run(
        [sys.executable, "-c", JOB.format(body=body), str(file), str(run)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    config = {"kind": "shapes", "title": "t", "seed": 1, "train_images": 8, "val_images": 6}
    prepare("shapes", {**config, "image_size": 64}, folder)
    schedule = {"image_size": 64, "batch_size": 4, "iterations": 4, "lr": 0.001}
    hashes = {"code": "0", "config": "0", "loss": "0"}
    test = {"score_threshold": 0.0}
    return alrp_spec(folder, schedule=schedule, test=test, test_hash="0", hashes=hashes)


@pytest.fixture(scope="module")
def trained(spec, tmp_path_factory):
    run = tmp_path_factory.mktemp("trained") / "run"
    done = job(spec, run, TRAIN)
    assert done.returncode == 0, done.stderr
    return run


@pytest.fixture
def run(trained, tmp_path):
    """A copy of a trained run, with its early detections."""
    return Path(shutil.copytree(trained, tmp_path / "run"))


def test_early_detections_are_those_of_the_job_byte_for_byte(spec, run):
    assert not (run / WORK).exists()
    taken = job(spec, run, DETECT)
    assert (taken.returncode, taken.stdout) == (0, "False\n"), taken.stderr
    assert not (run / EARLY).exists()
    content = (run / DETECTIONS).read_bytes()
    assert len(json.loads(content)) > 100
    assert json.loads((run / SPEED).read_text())["images"] == 3  # of 6, three warm up
    again = job(spec, run, DETECT)
    assert (again.returncode, again.stdout.splitlines()[-1]) == (0, "True"), again.stderr
    assert (run / DETECTIONS).read_bytes() == content


@pytest.mark.parametrize(
    "change",
    [
        {"test": {"score_threshold": 0.5}},
        {"test_hash": "1"},
        {"threads": 2},
        {"hashes": {"code": "1", "config": "0", "loss": "0"}},
        {"seed": 2},
    ],
)
def test_other_settings_are_detected_anew(spec, run, change):
    assert early.take_early(known(spec), run, "train", run) is False
    assert early.take_early(known({**spec, **change}), run, "val", run) is False
    assert not (run / DETECTIONS).exists()
    assert early.take_early(known(spec), run, "val", run)


@pytest.mark.parametrize("name", [f"{EARLY}/{DETECTIONS}", f"{EARLY}/{SPEED}", MODEL])
def test_changed_files_are_detected_anew(spec, run, name):
    content = bytearray((run / name).read_bytes())
    content[len(content) // 2] ^= 1
    (run / name).write_bytes(content)
    assert early.take_early(known(spec), run, "val", run) is False


def known(spec):
    return detections.with_data(spec, ["val"])


def test_a_kill_while_detecting_loses_no_training_and_is_not_tried_again(spec, trained, tmp_path):
    run = tmp_path / "run"
    assert job(spec, run, KILLED).returncode == -signal.SIGKILL
    for name in (MODEL, RUN):
        (run / name).unlink()  # Snakemake removes the outputs of a job that was killed
    done = job(spec, run, KILLED)
    assert done.returncode == 0, done.stderr
    assert not (run / EARLY).exists()
    record = json.loads((run / RUN).read_text())
    assert (record["status"], record["training"]["resumed_from"]) == ("trained", [4])


def test_a_failure_of_detection_leaves_the_training_and_says_so_in_the_log(spec, tmp_path):
    run = tmp_path / "run"
    done = job(spec, run, FAILING)
    assert done.returncode == 0
    assert "RuntimeError: planted" in done.stderr
    assert (run / MODEL).is_file()
    assert not (run / EARLY).exists()
    assert not (run / WORK).exists()


def test_large_splits_and_gpus_are_left_to_the_job(spec, run, monkeypatch):
    (run / WORK).mkdir()
    monkeypatch.setattr(early, "MOST_IMAGES", 5)
    early.detect_early(known(spec), run)
    assert not (run / EARLY).exists()
    monkeypatch.undo()
    record = json.loads((run / RUN).read_text())
    record["provenance"]["hardware"]["device"] = "cuda:0"
    (run / RUN).write_text(json.dumps(record))
    early.detect_early(known(spec), run)
    assert not (run / EARLY).exists()
    assert not any((run / WORK).iterdir())
