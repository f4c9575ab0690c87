"""The wheels of the GPU check: pinned and complete; and the scripts that use them."""

import os
import re
import subprocess
from importlib import metadata

import pytest

from rankdet.repository import ENVIRONMENTS, ROOT

# What the check expects on the machine: torch with CUDA and the usual scientific packages.
THERE = {
    *("torch", "numpy", "pandas", "pyarrow", "scipy", "scikit-learn", "matplotlib", "pillow"),
    *("psutil", "rich", "jinja2", "pyyaml", "packaging", "six", "tqdm", "regex", "setuptools"),
    "opencv-python",  # or opencv-python-headless: the same module
}
NOT_NEEDED = {"snakemake"}


def key(name):
    return re.sub(r"[-_.]+", "-", name).lower()


NAMES = [
    line
    for line in (ENVIRONMENTS / "gpu-wheels.txt").read_text().split("\n")
    if line[:1] not in "# "
]


def required(name):
    """The packages that an installed package needs on Linux with Python 3.11 or 3.12."""
    for line in metadata.requires(name) or ():
        if "extra ==" not in line and "win32" not in line and 'python_version < "3.11"' not in line:
            yield key(re.split(r"[\s<>=!~;\[(]", line, maxsplit=1)[0])


def test_every_wheel_has_a_version():
    pins = {key(line.split("==")[0]) for line in _constraints() if "==" in line}
    assert NAMES and {key(name) for name in NAMES} <= pins


def test_the_list_is_complete():
    listed = {key(name) for name in NAMES}
    assert listed.isdisjoint(THERE)
    project = (ROOT / "pyproject.toml").read_text()
    for name in ("pycocotools", "hotcoco", "pydantic", "mmdet", "mmengine", "mmcv-lite"):
        assert f'"{name}' in project and name in listed
    assert {n for name in NAMES for n in required(name)} <= listed | THERE | NOT_NEEDED


def _constraints():
    return (ENVIRONMENTS / "constraints.txt").read_text().splitlines()


def run(script, cwd, **variables):
    command = ["bash", str(ENVIRONMENTS / script)]
    environment = {**os.environ, **variables}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("version", ["3.10", "3", "three"])
def test_another_python_is_refused(version):
    done = run("gpu-wheels.sh", ROOT, PYTHON_VERSION=version)
    assert done.returncode == 2
    assert done.stderr == f"error: PYTHON_VERSION={version}: choose 3.11 or 3.12\n"


def test_without_packages_the_check_says_what_to_do(tmp_path):
    done = run("gpu-check.sh", tmp_path)
    assert done.returncode == 2
    assert "make gpu-wheels" in done.stderr and done.stderr.count("\n") == 1


FAKE = """#!/bin/bash
for word; do
  name=${word%%==*}
  [[ $word == *==* && $name != $WITHOUT ]] && touch "$WHEELS/${name//-/_}-2.0-py3-none-any.whl"
done
true
"""


@pytest.mark.parametrize("without", ["nothing", "typing-inspection"])
def test_old_wheels_are_replaced_and_a_missing_one_is_an_error(without, tmp_path):
    """`pip download` is replaced by a program that writes empty wheels."""
    fake, wheels = tmp_path / "python", tmp_path / "wheels"
    fake.write_text(FAKE)
    fake.chmod(0o755)
    wheels.mkdir()
    for name in ("mmdet", "typing_inspection", "other"):
        (wheels / f"{name}-1.0-py3-none-any.whl").touch()
    done = run("gpu-wheels.sh", ROOT, PYTHON=str(fake), WHEELS=str(wheels), WITHOUT=without)
    there = {path.name.split("-py3")[0] for path in wheels.iterdir()}
    assert {"mmdet-2.0", "other-1.0"} <= there
    assert there.isdisjoint({"mmdet-1.0", "typing_inspection-1.0"})
    if without == "nothing":
        assert done.returncode == 0 and done.stdout.endswith(f"{len(NAMES)} wheels, 1 MB\n")
    else:
        assert done.returncode == 1 and "no wheel of typing-inspection==" in done.stderr


PYTHON = """#!/bin/bash
case "$1 $2" in
  "-m pip")
    echo "some notes"
    echo "ERROR: x.whl is not a supported wheel on this platform." >&2
    exit 1;;
  *version_info*) echo "$IS";;
  *find_spec*) echo "$LACKS";;
esac
"""
AGAIN = "run `make gpu-wheels PYTHON_VERSION=3.12` again where there is internet"
REFUSED = {
    "wheel": ({}, f"(ERROR: x.whl is not a supported wheel on this platform.): {AGAIN}"),
    "torch": ({"LACKS": "torch cv2"}, "lacks packages that the wheels do not contain: torch, cv2"),
    "old": ({"IS": "3.10"}, "is Python 3.10: name a Python 3.11 or 3.12"),
    "none": ({"PYTHON": "/nonexistent"}, "there is no program /nonexistent"),
    "other": ({"PYTHON": "false"}, "false does not run as Python"),
    "site": ({"SITE": "file"}, "file: is a file; name a folder"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_the_check_cannot_use_is_one_line(kind, tmp_path):
    variables, told = REFUSED[kind]
    fake, wheels = tmp_path / "python", tmp_path / "wheels"
    fake.write_text(PYTHON)
    fake.chmod(0o755)
    wheels.mkdir()
    (wheels / "x.whl").touch()
    (tmp_path / "file").touch()
    usual = {"PYTHON": str(fake), "WHEELS": str(wheels), "IS": "3.12", "LACKS": ""}
    done = run("gpu-check.sh", tmp_path, **{**usual, **variables})
    assert done.returncode == 2 and not done.stdout
    assert told in done.stderr and done.stderr.count("\n") == 1
    assert "make setup" not in done.stderr  # it needs internet


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"WHEELS": "{}/file"}, "/file: is a file; name a folder for the wheels"),
        ({"WHEELS": "{}/file/wheels"}, "/file/wheels: this folder cannot be made"),
        ({"PYTHON": "/nonexistent"}, "there is no program /nonexistent"),
        ({"PYTHON": "{}/python"}, "(ERROR: x.whl is not a supported wheel on this platform.)"),
    ],
)
def test_wheels_that_cannot_be_collected_are_one_line(variables, told, tmp_path):
    (tmp_path / "file").touch()
    fake = tmp_path / "python"
    fake.write_text(PYTHON)
    fake.chmod(0o755)
    usual = {"WHEELS": str(tmp_path / "wheels"), "PYTHON": str(fake)}
    own = {key: text.format(tmp_path) for key, text in variables.items()}
    done = run("gpu-wheels.sh", ROOT, **{**usual, **own})
    assert done.returncode == 2
    assert told in done.stderr and done.stderr.count("\n") == 1
