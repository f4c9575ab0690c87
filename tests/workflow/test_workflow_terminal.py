"""A study on a terminal has one view of its progress; every job prints its lines if asked."""

import sys

import pytest

from tests.jobs.terminals import Terminal
from tests.workflow.conftest import make_sandbox

RUN = "shapes/retinanet/{}/seed1"
COMMAND = (sys.executable, "-m", "snakemake", "--cores", "2")
FILE = f"results/tiny/{RUN}/model.pth"


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    return make_sandbox(tmp_path_factory.mktemp("terminal"))


def on_terminal(box, *losses, **more):
    """Trains losses."""
    command = [*COMMAND, *map(FILE.format, losses), "--configfile", "tiny.yaml"]
    return Terminal(command, box.root, columns=120, PYTHONPATH=str(box.root), **more)


def test_ctrl_c_ends_the_view_and_leaves_the_terminal_whole(box):
    (box.root / "ap.slow").write_text("")
    terminal = on_terminal(box, "ap")
    try:
        label = f"  train {RUN.format('ap')}"
        lines = terminal.wait(lambda output: f"\n{label}".encode() in output.replace(b"\r", b""))
        assert any("runs done" in line for line in lines)
        terminal.wait(lambda _: (box.root / "ap.slow").read_text())
        terminal.type(b"\x03")
        lines = terminal.ended()
    finally:
        terminal.close()
        (box.root / "ap.slow").unlink()
    assert terminal.process.returncode == 1
    stopped = f"error: train {RUN.format('ap')}: stopped by the user; run again to continue"
    assert [line for line in lines if line.startswith(stopped)]
    assert not [line for line in lines if line.startswith("  train") or "runs done" in line]
    assert [line for line in lines if " of 2 jobs done, " in line]
    assert not [line for line in lines if "Traceback" in line]


def test_a_view_shows_runs_and_leaves_one_line_for_each_job(box):
    (box.root / "focal.error").touch()
    terminal = on_terminal(box, "ap", "focal", "alrp+no-sb", NO_COLOR="1")
    try:
        lines = terminal.ended(300)
        assert terminal.modes_are_kept()
    finally:
        terminal.close()
        (box.root / "focal.error").unlink()
    frames = terminal.output.decode()
    assert "of 4 runs done, " in frames and " to come, 1 failed, job " in frames
    failed = f"error: train {RUN.format('focal')}: ValueError: the loss"
    assert [line.startswith(failed) for line in lines].count(True) == 1
    done = [line.split("  ")[0] for line in lines if line.startswith("done: train ")]
    assert sorted(done) == [f"done: train {RUN.format(loss)}" for loss in ("alrp+no-sb", "ap")]
    assert not [line for line in lines if "runs done" in line or line.startswith("  train")]
    summary = next(i for i, line in enumerate(lines) if "jobs done, 1 failed" in line)
    assert "Partial report: reports/html/tiny/index.html" in "\n".join(lines[summary:])


def test_plain_lines_if_asked(box):
    (box.root / "results/tiny" / RUN.format("ap") / "model.pth").unlink(missing_ok=True)
    terminal = on_terminal(box, "ap", RANKDET_PLAIN="1")
    try:
        lines = terminal.ended(300)
    finally:
        terminal.close()
    assert [line for line in lines if line.startswith(f"done: train {RUN.format('ap')}")]
    assert b"\x1b[J" not in terminal.output and b"runs done" not in terminal.output
