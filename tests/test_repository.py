"""Paths from which a study cannot run are refused, by the set-up and by Python alike."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from rankdet.jobs.startup import start
from rankdet.repository import ENVIRONMENTS, ROOT, unusable

# A clone may have these in its path if its environment is elsewhere.
ONLY_ENVIRONMENT = list(" &'\"$;()<>|*?[]!#`\\\t")
NEITHER = list("{}:")
FINE = ["plain", "with-._+@%=,~", "José", "数据"]


def set_up(folder, **variables):
    """Runs the set-up in a folder, up to its first use of Python."""
    (folder / "envs").mkdir(parents=True)
    shutil.copy(ENVIRONMENTS / "set-up.sh", folder / "envs")
    return subprocess.run(
        ["bash", "envs/set-up.sh"],
        cwd=folder,
        env={**os.environ, "PYTHON": "false", **variables},
        capture_output=True,
        text=True,
    )


@pytest.mark.fault("path of the environment or of the clone with a character that stops Snakemake")
@pytest.mark.parametrize("character", ONLY_ENVIRONMENT + NEITHER)
def test_a_path_that_stops_snakemake_is_refused_in_one_line(tmp_path, character):
    clone = tmp_path / f"my{character}work"
    said = unusable(clone, clone / ".venv" / "bin" / "python")
    assert repr(character) in said and "\n" not in said
    done = set_up(clone)
    assert done.returncode == 2 and done.stderr.startswith("error: the path of the ")
    assert done.stderr.count("\n") == 1 and f"'{character}'" in done.stderr
    assert list(clone.iterdir()) == [clone / "envs"]


@pytest.mark.parametrize("character", ONLY_ENVIRONMENT)
def test_an_environment_elsewhere_helps(tmp_path, character):
    clone, environment = tmp_path / f"my{character}work", tmp_path / "venv"
    assert unusable(clone, environment / "bin" / "python") is None
    done = set_up(clone, VENV=str(environment))
    assert done.returncode == 1 and not done.stderr  # `false` in the place of Python


@pytest.mark.parametrize("name", FINE)
def test_other_characters_are_fine(tmp_path, name):
    clone = tmp_path / name
    assert unusable(clone, clone / ".venv" / "bin" / "python") is None
    assert set_up(clone).returncode == 1


def test_the_workflow_refuses_before_it_reads_the_study(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "my work" / "bin" / "python"))
    monkeypatch.setenv("PYTHONPATH", "")
    with pytest.raises(SystemExit) as stopped:
        start({}, [])
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("error: the path of the environment contains ' '")
    assert error.count("\n") == 1


def test_no_rule_gives_names_to_a_shell():
    """Names of studies, losses and data come from users; a script gets them as values."""
    rules = [ROOT / "Snakefile", *(ROOT / "workflows" / "rules").glob("*.smk")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in rules)
    assert text.count("    script:") > 10
    assert not re.search(r"^\s+shell:|\bshell\(|os\.system", text, re.MULTILINE)
