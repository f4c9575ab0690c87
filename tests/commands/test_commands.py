"""Commands with arguments that cannot be: one line and exit code 2, before the work starts."""

import json

import pytest

from rankdet import cli
from rankdet.commands.new import new_loss
from rankdet.errors import InputError

NOTHING = {"schema": "rankdet.metrics/1", "metrics": {"AP": 0.5}}
COMMANDS = {
    "bench losses": ["bench", "losses", "--quick", "--loss", "ap"],
    "bench iteration": ["bench", "iteration", "--preset", "small"],
    "bench evaluation": ["bench", "evaluation"],
    "compare": ["compare", "m.json"],
    "evaluate": ["evaluate", "gt.json", "dt.json"],
}


@pytest.fixture
def told(tmp_path, monkeypatch, capsys):
    """Runs a command in a folder of its own; returns its one line of error."""
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


@pytest.mark.parametrize("command", COMMANDS)
def test_files_that_cannot_be_written_are_told_before_the_work(told, command):
    assert "file/x: cannot be written" in told(*COMMANDS[command], "--out", "file/x")


@pytest.mark.parametrize(
    ("command", "option", "value"),
    [
        ("bench losses", "--threads", "0"),
        ("bench iteration", "--threads", "0"),
        ("bench evaluation", "--draws", "1"),
        ("compare", "--draws", "1"),
        ("compare", "--seed", "-1"),
        ("evaluate", "--seed", "-1"),
    ],
)
def test_numbers_that_are_too_small(told, command, option, value):
    assert f"error: {option} {value}: choose " in told(*COMMANDS[command], option, value)


@pytest.mark.parametrize(
    "plan",
    [
        {},
        {"study": {"name": "s"}},
        {"study": {"name": "s"}, "runs": [{"key": "a"}]},
        {"study": 3, "runs": []},
    ],
)
def test_a_plan_that_is_not_whole(told, tmp_path, plan):
    (tmp_path / "plan.json").write_text(json.dumps({"schema": "rankdet.plan/1", **plan}))
    assert "plan.json: no whole plan (" in told("report", "plan.json", "--out", "out")


@pytest.mark.parametrize(
    ("out", "words"),
    [("file", "file: is a file"), ("file/report", "file/report: the report cannot be written")],
)
def test_a_report_that_cannot_be_written(told, tmp_path, out, words):
    plan = {"schema": "rankdet.plan/1", "study": {"name": "s"}, "runs": []}
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    assert words in told("report", "plan.json", "--out", out)


def test_a_loss_cannot_be_called_what_a_study_calls_something_else(tmp_path):
    with pytest.raises(InputError, match="'untrained' means something else"):
        new_loss("untrained", tmp_path)
    assert not list(tmp_path.iterdir())
