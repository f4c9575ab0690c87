"""Lines of jobs on other machines reach the terminal of the workflow."""

import io
import os

from rankdet.jobs import lines
from rankdet.jobs.lines import LINES, Follower


def test_whole_lines_are_printed_once_and_in_order(tmp_path, monkeypatch):
    monkeypatch.setenv(LINES, "")
    out = io.StringIO()
    follower = Follower(tmp_path / "lines", out)
    follower.start()
    lines.say("first")
    descriptor = lines.open_lines()
    os.write(descriptor, b"sec")
    follower.look()
    assert out.getvalue() == "first\n"
    os.write(descriptor, "ond é\nthi".encode())
    follower.stop()
    assert out.getvalue() == "first\nsecond é\n"
    assert not (tmp_path / "lines").exists()


def test_without_a_cluster_or_after_its_workflow_lines_go_to_the_terminal(
    tmp_path, monkeypatch, capfd
):
    monkeypatch.delenv(LINES, raising=False)
    lines.say("here")
    monkeypatch.setenv(LINES, str(tmp_path / "gone"))
    lines.say("there")
    assert capfd.readouterr().err == "here\nthere\n"
