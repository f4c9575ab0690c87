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
