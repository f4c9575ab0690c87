"""`rankdet completion` and `python -m rankdet`."""

import subprocess
import sys

import pytest

import rankdet
from rankdet import cli
from rankdet.repository import ROOT


def test_as_a_module():
    command = [sys.executable, "-m", "rankdet", "--version"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"rankdet {rankdet.__version__}\n")


def test_an_unknown_shell_is_refused(capsys):
    assert cli.main(["completion", "fish"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "invalid choice: 'fish'" in line


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_the_script_has_every_command_and_their_options(shell, capsys):
    pytest.importorskip("shtab", reason="needs shtab (`make setup` installs it)")
    assert cli.main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert [name for name in cli.COMMANDS if name not in script] == []
    assert "--iou-type" in script or "iou-type" in script


def test_without_the_package_its_extra_is_named(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert cli.main(["completion", "bash"]) == 2
    assert "'shtab'" in (line := capsys.readouterr().err)
    assert "pip install '.[evaluate]'" in line and len(line.splitlines()) == 1
