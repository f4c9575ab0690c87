"""`rankdet doctor` on modules of other projects, on OpenCV, and on paths that stop Snakemake."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rankdet.commands import doctor, packages, shadows
from rankdet.repository import ENVIRONMENTS, ROOT


def module(folder, name, version="1.7.0"):
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").write_text(f"__version__ = {version!r}\n")


@pytest.fixture
def folders(tmp_path):
    """A folder of another project with two modules, and one of the environment with three."""
    for name in ("mmcv", "cv2"):
        module(tmp_path / "other", name)
    for name in ("mmcv", "cv2", "mmdet"):
        module(tmp_path / "site", name)
    return tmp_path / "other", tmp_path / "site"


def found(path, environment):
    names = ("mmcv", "cv2", "mmdet")
    return list(shadows.shadow_problems(names, [str(entry) for entry in path], [environment]))


def test_what_hides_what_is_named(folders, monkeypatch):
    other, site = folders
    monkeypatch.setenv("PYTHONPATH", f"{other}{os.pathsep}/else")
    (problem,) = found([other, site], site)
    assert problem.problem == (
        f"mmcv, cv2: imported from {other}, which hides the ones of the environment in {site}"
    )
    assert problem.remedy.startswith(f"remove {other} from the variable PYTHONPATH")


def test_without_the_variable_the_folder_is_the_remedy(folders, monkeypatch):
    other, site = folders
    monkeypatch.delenv("PYTHONPATH", raising=False)
    (problem,) = found([other, site], site)
    assert problem.remedy.startswith(f"move these modules out of {other}")
    monkeypatch.chdir(other)
    (problem,) = found(["", site], site)  # Python looks into the current folder first
    assert str(other) in problem.problem


def test_what_hides_nothing_is_no_problem(folders, tmp_path):
    other, site = folders
    assert found([site, other], site) == []  # the environment comes first
    assert found([other], site) == []  # the environment has none of them
    (tmp_path / "data" / "mmcv").mkdir(parents=True)  # a folder is no module
    assert found([tmp_path / "data", site], site) == []


@pytest.mark.fault("mmcv of another project on PYTHONPATH")
def test_a_foreign_mmcv_is_the_problem_and_not_the_set_up(tmp_path):
    module(tmp_path / "old project", "mmcv")
    done = subprocess.run(
        [sys.executable, "-m", "rankdet.cli", "doctor", "--json"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{tmp_path / 'old project'}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
    )
    problems = json.loads(done.stdout)["problems"]
    assert done.returncode == 1
    (problem,) = [one for one in problems if "mmcv" in one["problem"]]
    assert problem["problem"].startswith(f"mmcv: imported from {tmp_path / 'old project'}")
    assert "PYTHONPATH" in problem["remedy"] and "make setup" not in problem["remedy"]


def test_the_version_of_the_first_of_two_distributions_counts(tmp_path, monkeypatch):
    for folder, version in (("a", "1.0"), ("b", "2.0")):
        info = tmp_path / folder / f"thing-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: thing\nVersion: {version}\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "a"), str(tmp_path / "b")])
    assert packages.installed()["thing"] == "1.0"


@pytest.mark.fault("OpenCV that needs libGL on a machine without it")
def test_opencv_without_libgl_has_a_remedy_that_helps(tmp_path, monkeypatch):
    folder = tmp_path / "cv2"
    folder.mkdir()
    (folder / "__init__.py").write_text(
        "raise ImportError('libGL.so.1: cannot open shared object file')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "cv2", raising=False)
    (problem,) = packages.opencv_problems()
    assert problem.problem.startswith("cv2 does not import: libGL.so.1: cannot open")
    assert "opencv-python-headless" in problem.remedy and "make setup" not in problem.remedy


def test_the_environment_has_the_opencv_without_windows():
    pins = packages.pins(ENVIRONMENTS / "constraints.txt")
    assert "opencv-python-headless" in pins and "opencv-python" not in pins


def test_a_path_that_stops_snakemake_is_a_problem():
    (problem,) = doctor.path_problems(Path("/home/me/my work"), "/home/me/my work/.venv/bin/python")
    assert "contains ' '" in problem.problem and "VENV=" in problem.remedy
    assert list(doctor.path_problems(Path("/home/me/my work"), "/opt/venv/bin/python")) == []
