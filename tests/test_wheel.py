"""A wheel contains `rankdet` with the product's files, and its commands work without a clone."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

import rankdet
from rankdet.repository import ROOT

BOX = [10.0, 10.0, 40.0, 30.0]
GROUND_TRUTH = {
    "images": [{"id": 1, "width": 100, "height": 100}],
    "categories": [{"id": 1, "name": "disc"}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": BOX, "area": 1200.0, "iscrowd": 0}
    ],
}
# Packages of the extra `bench`: an environment with the wheel alone does not have them.
ABSENT = (
    "mmdet",
    "mmengine",
    "mmcv",
    "sklearn",
    "snakemake",
    "matplotlib",
    "yaml",
    "jinja2",
)
SHARED = ("workflows", "analysis", "reports", "config", "profiles", "envs", "data")
# A file of each kind that a study or a report reads.
NEEDED = (
    *("Snakefile", "workflows/rules/train.smk", "workflows/scripts/train.py", "data/datasets.csv"),
    *("workflows/losses/_template.py", "workflows/detectors/atss.yaml", "workflows/lab/study.yaml"),
    *("analysis/papers/alrp/table2.csv", "reports/templates/index.html.j2", "config/schema.json"),
    *("reports/static/style.css", "reports/captions/table.rst", "profiles/slurm/profile.yaml"),
    *("analysis/figures/calibration.py", "data/tuned/README.md", "envs/rankdet.yaml"),
)
DETECTIONS = [{"image_id": 1, "category_id": 1, "bbox": BOX, "score": 0.9}]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Builds the wheel from a copy of the files that a build reads."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    skipped = shutil.ignore_patterns("__pycache__", "html")
    for name in ("rankdet", *SHARED, "tests/commands"):
        shutil.copytree(ROOT / name, source / name, ignore=skipped)
    for name in ("Snakefile", "setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip(sys.executable, "wheel", "--no-deps", "--no-build-isolation", "-w", folder, source)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel) -> Path:
    """Installs the wheel into an empty environment.

    Dependencies are those of this environment; the ones of the extra `bench` cannot be imported.
    """
    environment = wheel.parent / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    found = environment / "bin" / "python"
    pip(sys.executable, "--python", found, "install", "--no-deps", wheel)
    (site,) = environment.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    block = f"import sys\nsys.modules.update(dict.fromkeys({ABSENT!r}))\n"
    (site / "sitecustomize.py").write_text(block)
    return found


def pip(interpreter, *arguments):
    """Runs pip without a network."""
    command = [interpreter, "-m", "pip", "--disable-pip-version-check", "-q", *arguments]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=bare())
    assert done.returncode == 0, done.stderr


def bare() -> dict[str, str]:
    """The environment without the paths of the clone."""
    return {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")} | {
        "PIP_NO_INDEX": "1"
    }


@pytest.fixture
def command(python, tmp_path):
    """Returns a function that runs the installed `rankdet` in an empty folder."""
    (tmp_path / "gt.json").write_text(json.dumps(GROUND_TRUTH))
    (tmp_path / "dt.json").write_text(json.dumps(DETECTIONS))

    def run(*arguments):
        program = [python.with_name("rankdet"), *arguments]
        return subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, env=bare())

    return run


def test_it_contains_only_rankdet(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    top = {name.split("/")[0] for name in names}
    assert top == {"rankdet", f"rankdet-{rankdet.__version__}.dist-info"}
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "rankdet").rglob("*.py")}
    assert modules <= set(names)
    assert {f"rankdet/_share/{name}" for name in NEEDED} <= set(names)
    assert not [name for name in names if "/example/" in name or "/measured/" in name]


def test_the_package_is_not_the_one_of_the_clone(python, tmp_path):
    code = "import rankdet; print(rankdet.__file__)"
    done = subprocess.run(
        [python, "-c", code], cwd=tmp_path, capture_output=True, text=True, env=bare()
    )
    assert Path(done.stdout).is_relative_to(python.parents[1])


def test_help_and_version(command):
    assert "evaluate" in command("--help").stdout
    assert command("--version").stdout == f"rankdet {rankdet.__version__}\n"


def test_evaluate_and_compare(command, tmp_path):
    for name in ("a", "b"):
        done = command(
            "evaluate",
            "gt.json",
            "dt.json",
            "--out",
            f"{name}.json",
            "--matches",
            f"{name}.parquet",
        )
        assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "a.json").read_text())["metrics"]["AP"] == pytest.approx(1)
    done = command("compare", "a.json", "b.json", "--draws", "10")
    assert done.returncode == 0, done.stderr
    assert "AP50" in done.stdout and "from 10 draws" in done.stdout


def test_thresholds(command):
    command("evaluate", "gt.json", "dt.json", "--out", "a.json")
    done = command("thresholds", "a.json")
    assert done.returncode == 0, done.stderr
    assert "disc" in done.stdout


def test_doctor(command):
    done = command("doctor", "--json")
    findings = json.loads(done.stdout)
    assert findings["clone"] is False and findings["rankdet"] == rankdet.__version__
    assert not [entry for entry in findings["problems"] if "not installed" in entry["problem"]]


@pytest.mark.parametrize("arguments", [("plan",), ("report", "smoke")], ids="-".join)
def test_commands_that_need_more_packages(command, arguments):
    done = command(*arguments)
    assert done.returncode == 2 and done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")


def test_a_lab_and_a_new_loss_need_no_clone(command, tmp_path):
    done = command("init", "lab")
    assert done.returncode == 0, done.stderr
    assert "cd 'my lab' && snakemake" in command("init", "my lab").stdout
    assert "SNAKEFILE" in (tmp_path / "lab/Snakefile").read_text()
    assert (tmp_path / "lab/profiles/default/profile.yaml").is_file()
    outside = command("new", "loss", "mine")
    assert outside.returncode == 2 and not (tmp_path / "losses").exists()
    assert "make a lab first, `rankdet init my-lab" in outside.stderr
    (tmp_path / "Snakefile").touch()
    assert command("new", "loss", "mine").returncode == 0
    assert '"name": "mine"' in (tmp_path / "losses/mine.py").read_text()
