"""Bad arguments of commands: one line of error and exit code 2, before the work starts."""

import json
import os
import subprocess
import sys

import pytest

import rankdet
from rankdet import cli
from rankdet.commands.new import new_loss
from rankdet.errors import InputError
from rankdet.repository import ROOT

NOTHING = {"schema": "rankdet.metrics/1", "metrics": {"AP": 0.5}}
COMMANDS = {
    "bench losses": ["bench", "losses", "--quick", "--loss", "ap"],
    "bench iteration": ["bench", "iteration", "--preset", "small"],
    "bench evaluation": ["bench", "evaluation"],
    "compare": ["compare", "m.json"],
    "evaluate": ["evaluate", "gt.json", "dt.json"],
}


@pytest.fixture
def error_of(tmp_path, monkeypatch, capsys):
    """Returns a function that runs a command in an empty folder and returns its line of error."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("not a folder")
    (tmp_path / "m.json").write_text(json.dumps(NOTHING))

    def run(*arguments):
        assert cli.main([*arguments]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert len(captured.err.splitlines()) == 1
        return captured.err

    return run


def test_a_missing_package_is_named_with_the_way_to_install_it():
    code = (
        "import sys; sys.modules['pandas'] = None; from rankdet.cli import main; "
        "sys.exit(main(['evaluate', 'gt.json', 'dt.json']))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: `rankdet evaluate` needs the Python package 'pandas'")
    assert "pip install '.[evaluate]'" in line


def test_a_missing_module_of_our_own_is_a_defect(monkeypatch):
    monkeypatch.setitem(sys.modules, "rankdet.commands.compare", None)
    with pytest.raises(ModuleNotFoundError):
        cli.main(["compare", "a.json"])


def test_version(capsys):
    with pytest.raises(SystemExit, match=r"^0$"):
        cli.main(["--version"])
    assert capsys.readouterr().out == f"rankdet {rankdet.__version__}\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_unwritable_files_are_reported_before_the_work(error_of, command):
    assert "file/x: cannot be written" in error_of(*COMMANDS[command], "--out", "file/x")


@pytest.mark.parametrize(
    ("command", "option", "value"),
    [
        ("bench losses", "--threads", "0"),
        ("bench iteration", "--threads", "0"),
        ("bench evaluation", "--draws", "1"),
        ("bench evaluation", "--draws", "1000000000000"),
        ("compare", "--draws", "1"),
        ("compare", "--seed", "-1"),
        ("evaluate", "--seed", "-1"),
        ("compare", "--draws", "1000000000000"),
        ("evaluate", "--bootstrap", "1000000000000"),
    ],
)
def test_numbers_out_of_range(error_of, command, option, value):
    assert f"error: {option} {value}: choose " in error_of(*COMMANDS[command], option, value)


@pytest.mark.parametrize("command", ["bench losses", "bench iteration"])
def test_more_threads_than_cores(error_of, command):
    line = error_of(*COMMANDS[command], "--threads", "99999")
    assert f"--threads 99999: choose at most {os.cpu_count()}, " in line


BENCHMARKS = {
    "bench losses": COMMANDS["bench losses"],
    "bench iteration": [*COMMANDS["bench iteration"], "--device", "cpu"],
    "bench gpu": ["bench", "gpu", "--device", "cpu", "--size", "tiny"],
}


@pytest.mark.parametrize("command", BENCHMARKS)
@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("RANKDET_KERNELS", "typo", "RANKDET_KERNELS is 'typo'; use auto, on or off"),
        ("RANKDET_CHECKS", "typo", "RANKDET_CHECKS is 'typo'; use auto, on or off"),
        ("RANKDET_KERNELS", "on", "RANKDET_KERNELS is 'on', but "),
    ],
)
def test_variables_of_the_losses(error_of, monkeypatch, command, variable, value, words):
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    monkeypatch.setenv(variable, value)
    assert error_of(*BENCHMARKS[command]).startswith(f"error: {words}")


TOO_LARGE = ["--preset", "small", "--image-size", "8192", "--batch-size", "1024"]  # 14 TB


def test_memory_that_is_not_there(error_of):
    line = error_of("bench", "iteration", *TOO_LARGE, "--loss", "focal", "--device", "cpu")
    assert line.startswith("error: --image-size 8192 with --batch-size 1024: needs more than 13,7")
    detections = ["--images", "1", "--detections", "1000000000000"]
    line = error_of("bench", "evaluation", *detections, "--alone")
    assert "--images 1 with --detections 1000000000000: needs more than 300,000 GB" in line


@pytest.mark.parametrize("part", ["losses", "iteration", "evaluation", "gpu"])
@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        RuntimeError("CUDA out of memory. Tried to allocate 20 GiB\nmore"),
    ],
)
def test_every_benchmark_says_that_memory_is_missing(error_of, monkeypatch, part, error):
    def run(_):
        raise error

    monkeypatch.setattr(f"rankdet.commands.bench_{part}.run", run)
    assert f"error: bench {part}: out of memory; " in error_of("bench", part)


@pytest.mark.parametrize(
    "plan",
    [
        {},
        {"study": {"name": "s"}},
        {"study": {"name": "s"}, "runs": [{"key": "a"}]},
        {"study": 3, "runs": []},
    ],
)
def test_an_incomplete_plan(error_of, tmp_path, plan):
    (tmp_path / "plan.json").write_text(json.dumps({"schema": "rankdet.plan/1", **plan}))
    assert "plan.json is damaged: " in error_of("report", "plan.json", "--out", "out")


@pytest.mark.parametrize(
    ("out", "words"),
    [("file", "file: is a file"), ("file/report", "file/report: the report cannot be written")],
)
def test_an_unwritable_report(error_of, tmp_path, out, words):
    plan = {"schema": "rankdet.plan/1", "study": {"name": "s"}, "runs": []}
    (tmp_path / "s").mkdir()
    (tmp_path / "s/plan.json").write_text(json.dumps(plan))
    assert words in error_of("report", "s/plan.json", "--out", out)


def test_a_loss_cannot_have_a_name_with_another_meaning(tmp_path):
    with pytest.raises(InputError, match="'untrained' has another meaning"):
        new_loss("untrained", tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "the following arguments are required: command"),
        (["evaluat"], "invalid choice: 'evaluat'"),
        (["merge", "a"], "the following arguments are required: SECOND, --out"),
        (["evaluat"], "did you mean 'evaluate'? `rankdet --help`"),
        (["bench", "losess"], "did you mean 'losses'? `rankdet bench --help`"),
        (
            ["plan", "--chek"],
            "unrecognized arguments: --chek; did you mean --check? `rankdet plan",
        ),
        (["evaluate", "--gtt", "x"], "unrecognized arguments: --gtt"),
        (["import", "x.json", "--splitt=val"], "did you mean --split? `rankdet import --help`"),
        (["bench", "losses", "--quik"], "did you mean --quick? `rankdet bench losses --help`"),
        (["merge", "a", "b", "c", "--out", "d"], "unrecognized arguments: c; `rankdet merge"),
        (["plan", "-q"], "unrecognized arguments: -q; `rankdet plan --help`"),
        (["watch", "--port", "many"], "argument --port: invalid int value: 'many'"),
    ],
)
def test_a_wrong_option_is_one_line(error_of, arguments, words):
    line = error_of(*arguments)
    assert line.startswith("error: ") and words in line and "--help` lists all options" in line
