"""What a benchmark has measured is in its file before anything is printed."""

import contextlib
import io
import json

import pytest

from rankdet import cli
from rankdet.losses import benchmark

pytestmark = pytest.mark.fault("a benchmark whose terminal is gone")
EVALUATION = ["evaluation", "--images", "20", "--detections", "300", "--draws", "3", "--growth"]
ITERATION = ["iteration", "--preset", "small", "--image-size", "64", "--loss", "focal"]


class Gone(io.StringIO):
    """A terminal that nobody reads."""

    def write(self, _):
        raise BrokenPipeError


@pytest.fixture
def record(monkeypatch, tmp_path):
    """Returns a function that runs a benchmark without a terminal, and returns its record."""
    monkeypatch.setattr(benchmark, "SIZES", ((10, 1000),))
    monkeypatch.setattr(benchmark, "GROWTH_SIZES", ((10, 1000),) * 3)

    def run(arguments):
        out = tmp_path / "out.json"
        with contextlib.redirect_stdout(Gone()):
            assert cli.main(["bench", *arguments, "--out", str(out)]) == 141
        return json.loads(out.read_text())

    return run


def test_evaluation(record):
    found = record([*EVALUATION, "--alone"])
    assert found["ours_total"] > 0
    assert [row["detections"] for row in found["growth"]] == [75, 150, 300]


def test_losses_keep_each_row_that_was_measured(record):
    found = record(["losses", "--quick", "--loss", "ap"])
    assert [row["loss"] for row in found["rows"]] == ["ap"]


@pytest.mark.parametrize("options", [["--rounds", "1"], ["--rounds", "2", "--stock"]])
def test_iteration(record, options):
    assert [row["loss"] for row in record([*ITERATION, *options])["rows"]] == ["focal"]
