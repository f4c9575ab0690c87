"""Commands in a bad environment: one line, and results that are written before they are printed."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from rankdet.repository import ROOT

COMMAND = [sys.executable, "-m", "rankdet.cli"]
# A command that is interrupted while it works, and again while it ends.
# A shell starts programs in the background (`&`) so that they do not get Ctrl-C.
SLOW = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
from rankdet import cli
from rankdet.commands import doctor
class Slow:
    def __enter__(self): return self
    def __exit__(self, *_):
        print("ends", flush=True)
        time.sleep(1)
def run(args):
    with Slow():
        print("works", flush=True)
        time.sleep(60)
doctor.run = run
sys.exit(cli.main(["doctor"]))
"""


@pytest.fixture
def files(tmp_path):
    image = {"id": 1, "width": 90, "height": 90, "file_name": "a.png"}
    box = {"image_id": 1, "category_id": 1, "bbox": [9, 9, 30, 30]}
    truth = {"images": [image], "categories": [{"id": 1, "name": "naïve"}]}
    truth["annotations"] = [{**box, "id": 1, "area": 900, "iscrowd": 0}]
    (tmp_path / "gt.json").write_text(json.dumps(truth))
    (tmp_path / "det.json").write_text(json.dumps([{**box, "score": 0.5}]))
    return tmp_path


def evaluate(folder, *arguments, **variables):
    return subprocess.run(
        [*COMMAND, "evaluate", "gt.json", "det.json", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        text=True,
    )


def test_a_terminal_without_arrows_shows_question_marks(files):
    done = evaluate(files, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert "? lower is better" in done.stdout and "AP" in done.stdout


@pytest.mark.fault("impossible HOME, TMPDIR or cache")
@pytest.mark.parametrize("name", ["HOME", "TMPDIR", "XDG_CACHE_HOME"])
def test_a_folder_of_the_system_that_cannot_be(files, name):
    done = evaluate(files, "--out", "out.json", **{name: "/dev/null/x"})
    assert (done.returncode, done.stderr) == (0, "")
    assert (files / "out.json").is_file()


def test_results_are_written_before_they_are_printed(files):
    """Here nobody reads the output: the command ends at its first line."""
    reader, writer = os.pipe()
    os.close(reader)
    process = subprocess.Popen(
        [*COMMAND, "evaluate", "gt.json", "det.json", "--out", "out.json"],
        cwd=files,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writer)
    _, told = process.communicate(timeout=120)
    assert (process.returncode, told) == (141, "")
    assert json.loads((files / "out.json").read_text())["metrics"]["AP"] == pytest.approx(1)


@pytest.mark.fault("a full or closed output of a command, with a buffer and without")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    ("output", "code", "told"),
    [
        (">/dev/full", 2, "error: No space left on device; free some space and run again\n"),
        (">&-", 0, ""),
        ("| true", 141, ""),
    ],
)
def test_what_cannot_be_printed_ends_in_one_line(files, output, code, told, unbuffered):
    """Without a buffer the first line fails; with one, all lines at the end of the process."""
    command = f"{{ sleep .5; $COMMAND --out out.json; echo $? >code; }} {output}"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=files,
        env={
            **os.environ,
            "COMMAND": " ".join([*COMMAND, "evaluate", "gt.json", "det.json"]),
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": unbuffered,
        },
        capture_output=True,
        text=True,
    )
    assert (int((files / "code").read_text()), done.stderr) == (code, told)
    assert json.loads((files / "out.json").read_text())["metrics"]["AP"] == pytest.approx(1)


@pytest.mark.parametrize("error", ["PermissionError(13, 'Permission denied', 'results/x')"])
def test_an_error_of_the_system_is_one_line(error):
    code = f"""
import sys
from rankdet import cli
from rankdet.commands import doctor
def run(args): raise {error}
doctor.run = run
sys.exit(cli.main(["doctor"]))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, "error: results/x: Permission denied\n")


@pytest.mark.fault("Ctrl-C twice")
def test_ctrl_c_twice_is_one_line():
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "works\n"
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "ends\n"
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert (process.returncode, told) == (130, "stopped\n")
