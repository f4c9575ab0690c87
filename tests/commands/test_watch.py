"""`rankdet watch` as a process: it serves, ends cleanly, and refuses bad input in one line."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

import pytest

from rankdet.cli import main
from rankdet.commands.watch import config_named
from rankdet.repository import CONFIG, ROOT

STUDY = """
study: tiny
title: A tiny study
scale: Nothing real
preset: small
datasets: {shapes: {kind: shapes, title: Shapes}}
runs: [{dataset: shapes, detectors: [retinanet], losses: [ap]}]
schedule: {image_size: 64, batch_size: 2, iterations: 3}
"""


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(STUDY)
    return path


def test_a_name_is_a_config_here_before_one_of_the_product(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").mkdir()
    assert config_named("smoke") == CONFIG / "smoke.yaml"
    (tmp_path / "config" / "smoke.yaml").touch()
    assert config_named("smoke") == Path("config/smoke.yaml")
    (tmp_path / "smoke").touch()
    assert config_named("smoke") == Path("smoke") and config_named("none") == Path("none")


def test_report_watch_is_the_same_command(monkeypatch, capsys):
    calls = []
    monkeypatch.setattr("rankdet.commands.watch.run", lambda args: calls.append(vars(args)) or 0)
    assert main(["watch", "tiny", "--open"]) == main(["report", "tiny", "--watch", "--open"]) == 0
    wanted, found = calls
    assert found == {key: wanted[key] for key in found} and found["study"] == ["tiny"]
    assert main(["report", "tiny", "--watch", "--out", "there"]) == 2
    assert capsys.readouterr().err.endswith("--watch writes no folder; give one of the two\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_serves_until_a_signal_and_leaves_nothing(config, number):
    temporary = config.with_name("temporary")
    temporary.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "rankdet.cli", "watch", str(config), "--port", "0"],
        cwd=config.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Under nohup, or in the background of a shell, the command would ignore the signal.
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    )
    line = process.stdout.readline()
    assert line.startswith("tiny: http://127.0.0.1:")
    with urllib.request.urlopen(line.split()[1]) as answer:
        assert "A tiny study" in answer.read().decode()
    assert len(list(temporary.glob("rankdet-watch-*"))) == 1
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output, errors) == (0, "", "stopped\n")
    assert list(temporary.glob("rankdet-watch-*")) == []
    assert sorted(path.name for path in config.parent.iterdir()) == ["temporary", "tiny.yaml"]


def test_a_port_in_use_is_one_line_and_leaves_nothing(config, capsys, monkeypatch):
    monkeypatch.chdir(config.parent)
    monkeypatch.setattr(tempfile, "tempdir", str(config.parent))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["watch", str(config), "--port", str(port)]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"error: port {port} of 127.0.0.1 is in use") and told.count("\n") == 1
    assert list(config.parent.glob("rankdet-watch-*")) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no-such.yaml"], "no-such.yaml"),
        (["{config}", "--port", "70000"], "--port 70000: choose 0 to 65535"),
        (["{config}", "--config", "preset"], "--config 'preset'"),
        (["{config}", "--host", ""], "--host: is empty"),
        (["{config}", "--host", "a" * 300], "aaa is not the name of a host"),
        (["{config}", "--host", "a..b"], "'a..b' is not the name of a host"),
        (["{config}", "--host", "192.0.2.1"], "cannot listen on 192.0.2.1"),
    ],
)
def test_bad_input_is_one_line(config, capsys, monkeypatch, arguments, message):
    monkeypatch.chdir(config.parent)
    assert main(["watch", *(word.format(config=config) for word in arguments)]) == 2
    told = capsys.readouterr().err
    assert message in told and told.startswith("error: ") and told.count("\n") == 1
