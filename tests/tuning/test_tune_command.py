"""`rankdet tune`: a real search that is killed and goes on, and bad input in one line."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rankdet.cli import main
from rankdet.lifetime import runs
from rankdet.repository import ROOT
from rankdet.results.schemas.tuning import TuningRecord
from tests.tuning.studies import config_file

LONGEST = 300  # seconds for the first trial, on a busy machine


def arguments(folder, *more):
    words = ["tune", "focal", "--detector", "retinanet", "--configfile", str(config_file(folder))]
    return [*words, "--rates", "1,2", "--jobs", "1", "--out", str(folder / "tiny.json"), *more]


def trials(path):
    if not path.exists():
        return []
    return [trial for one in json.loads(path.read_text())["searches"] for trial in one["trials"]]


def children(process):
    """The processes that a process has started."""
    listed = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(process)], capture_output=True, text=True, check=False
    )
    return [int(number) for number in listed.stdout.split()]


def wait(done, seconds):
    end = time.monotonic() + seconds
    while not done() and time.monotonic() < end:
        time.sleep(0.2)
    return done()


@pytest.mark.fault("SIGKILL during a search for rates")
def test_a_killed_search_goes_on(tmp_path, capsys):
    command = [sys.executable, "-m", "rankdet.cli", *arguments(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        assert wait(lambda: trials(tmp_path / "tiny.json"), LONGEST)
        started = children(process.pid)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert wait(lambda: not any(map(runs, started)), 30)  # its trainings end with it
    (first, *_) = trials(tmp_path / "tiny.json")
    assert main(arguments(tmp_path)) == 0
    record = TuningRecord.from_disk(tmp_path / "tiny.json")
    (one,) = record.searches
    assert one.trials[0].to_dict() == first  # not made again: its seconds are the same
    assert [(t.factor, t.iterations) for t in one.trials] == [(1, 4), (2, 4)]
    assert one.best in one.trials
    for trial in one.trials:
        assert trial.outcome in ("trained", "collapsed") and 0 <= trial.AP <= trial.AP50 <= 1
        assert 0 < trial.oLRP <= 1 and trial.seconds > 0
    assert one.iterations == 8 and record.data.seed == 1001 and record.finished
    out = capsys.readouterr().out
    assert "1 trials are in" in out and "candidates: 2 for each loss" in out
    assert {path.name for path in tmp_path.iterdir()} == {"study.yaml", "tiny.json"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["focl", "--detector", "retinanet"], "unknown loss 'focl'; did you mean 'focal'?"),
        (["focal", "--detector", "retinane"], "unknown detector 'retinane'; did you mean"),
        (["focal+x", "--detector", "retinanet"], "loss 'focal' has no variant 'x'"),
        (["untrained", "--detector", "retinanet"], "an untrained detector has no rate"),
        (
            ["rs+dice-label", "--detector", "retinanet"],
            "does not train detector 'retinanet': its labels need predicted masks, but this "
            "detector does not predict masks; leave one of them out",
        ),
        (["focal", "--detector", "retinanet", "--budget", "0"], "choose minutes above 0"),
        (["focal", "--detector", "retinanet", "--budget", "nan"], "choose minutes above 0"),
        (["focal", "--detector", "retinanet", "--jobs", "0"], "--jobs 0: choose 1 or more"),
        (
            ["focal", "--detector", "retinanet", "--rates", "1"],
            "a search needs two candidates or more",
        ),
        (
            ["focal", "--detector", "retinanet", "--rates", "1,2,1.0000001"],
            "--rates 1,2,1.0000001: 1.0 and 1.0000001 are nearly one rate; leave one of them out",
        ),
        (["focal", "--detector", "retinanet", "--rates", "1,x"], "found 'x'; give factors above 0"),
        (["focal", "--detector", "retinanet", "--rates", "-1,1"], "found '-1'; give factors above"),
        (["focal", "--detector", "retinanet", "--rates", "1,-2"], "found '-2'; give factors"),
        (["focal", "--detector", "retinanet", "--rates", "1,nan"], "found 'nan'; give factors"),
        (["focal", "--detector", "retinanet", "--clip", "0"], "found '0'; give `none` or norms"),
        (["focal", "--detector", "retinanet", "--warmup", "-1"], "found '-1'; give whole numbers"),
        (["focal", "--detector", "retinanet", "--dataset", "shap"], "did you mean 'shapes'?"),
        (["focal", "--detector", "retinanet", "--config", "x"], "give KEY=VALUE"),
        (
            ["focal", "--detector", "retinanet", "--config", "schedule={gpus: 2, image_size: 128}"],
            "trains on 2 GPUs, but a trial is one process",
        ),
    ],
)
def test_bad_input_is_one_line_before_work_starts(tmp_path, capsys, words, told):
    out = tmp_path / "tiny.json"
    command = ["tune", *words, "--configfile", str(config_file(tmp_path))]
    assert main([*command, "--out", str(out)]) == 2
    captured = capsys.readouterr()
    assert told in captured.err and captured.err.count("\n") == 1
    assert captured.out == "" and {path.name for path in tmp_path.iterdir()} == {"study.yaml"}


def test_the_record_is_not_written_over_the_study(tmp_path, capsys):
    path = config_file(tmp_path)
    words = ["tune", "focal", "--detector", "retinanet", "--configfile", str(path)]
    assert main([*words, "--out", str(path)]) == 2
    assert "this command reads it" in capsys.readouterr().err


def test_a_warmup_longer_than_the_trainings_is_one_line(tmp_path, capsys):
    assert main(arguments(tmp_path, "--warmup", "10,99999")) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "--warmup 10,99999: 99999 is not shorter than the trainings of" in line
    assert not (tmp_path / "tiny.json").exists()


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="no /proc on this system")
def test_a_place_where_nothing_can_be_written_is_named(tmp_path, capsys):
    """Rights do not tell: root may write into /proc."""
    assert main(arguments(tmp_path, "--out", "/proc/x.json")) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: /proc/x.json: cannot be written: ") and "/proc" in line[30:]
