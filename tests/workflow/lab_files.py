"""A lab without real training: an installed package, and an own loss, detector, table and rule."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from tests.workflow.conftest import FAKE_TRAINING, ROOT

BUILT = ("Snakefile", "workflows", "analysis", "reports", "config", "profiles", "envs", "data")
BUILT_FROM = ("rankdet", "setup.py", "pyproject.toml", "README.md", "LICENSE", *BUILT)
HELPERS = """
import torch

from helpers import numbers


class OwnLoss(torch.nn.Module):
    def forward(self, logits, labels):
        return numbers.FACTOR * logits.sum()


class Other(torch.nn.Module):
    pass
"""
LOSS = """
from helpers.modules import OwnLoss

CARD = {"name": "mine", "title": "My Own Loss", "classification": {"type": "OwnLoss"},
        "paper": "On Own Losses", "citation": "Author et al., 2026", "url": "https://example.org/own",
        "training": {"lr": {"small": 0.01}}, "variants": {"giou": {"title": "GIoU"}}}
"""
PAPER = """
title: Own numbers
authors: A. Author
venue: Example 2026
year: 2026
short: Own
"""
TABLE = """
title: "Table 1: own losses"
caption: The own loss beside focal loss.
columns:
  - {metric: AP}
run: {dataset: shapes, detector: slim}
rows:
  - {row: Focal, label: {Loss: Focal}, run: {loss: focal}}
  - {row: Mine, label: {Loss: Mine}, run: {loss: mine}}
"""
STUDY = """
study: own
title: A study of a lab
scale: No training at all; the numbers mean nothing.
preset: small
datasets:
  shapes: {kind: shapes, title: Shapes, seed: 1, image_size: 64, train_images: 2, val_images: 2}
runs:
  - {dataset: shapes, detectors: [slim], losses: [focal, mine, ./elsewhere/third.py]}
schedule: {image_size: 64, batch_size: 2, iterations: 3}
tables: [own/table1]
untrained: false
"""
RULE = r"""
use rule train as train_mine with:
    pathvars:
        run="<dataset>/{detector}/{loss,mine(\+[^/]*)?}/seed{seed,[0-9]+}",
    resources:
        mem_mb=4321,
"""


@dataclass(frozen=True)
class Lab:
    """A folder that `rankdet init` made, and the folder with the installed package."""

    root: Path
    site: Path

    def python(self, *arguments: str) -> subprocess.CompletedProcess:
        """Runs Python with the installed package, in the lab."""
        found = {**os.environ, "PYTHONPATH": str(self.site), "OMP_NUM_THREADS": "1"}
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.root,
            env=found,
            capture_output=True,
            text=True,
            timeout=500,
        )

    def rankdet(self, *arguments: str) -> subprocess.CompletedProcess:
        return self.python("-m", "rankdet.cli", *arguments)

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess:
        return self.python("-m", "snakemake", "--cores", "2", *arguments)

    def planned(self, *arguments: str) -> str:
        """Returns what a dry run prints."""
        done = self.snakemake("-n", "--quiet", "host", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def trained(self, *arguments: str) -> list[tuple[str, str]]:
        """Returns (rule, loss) of every training that would run."""
        return trainings(self.planned(*arguments))

    def write(self, name: str, text: str) -> None:
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(text)

    def edit(self, name: str, old: str, new: str) -> None:
        text = (self.root / name).read_text()
        assert old in text, f"{name} has no {old!r}"
        (self.root / name).write_text(text.replace(old, new))

    def copy(self, root: Path) -> "Lab":
        """Returns a copy of the lab without Snakemake's notes; the times of files are kept."""
        shutil.copytree(self.root, root, ignore=shutil.ignore_patterns(".snakemake"))
        return Lab(root, self.site)


def trainings(printed: str) -> list[tuple[str, str]]:
    """Returns (rule, loss) of every training that a dry run prints."""
    return sorted(re.findall(r"rule (train\w*):.*?loss=([^,]*),", printed, re.DOTALL))


def build_wheel(folder: Path) -> Path:
    """Builds the wheel from a copy of the files that a build reads."""
    source, skipped = folder / "source", shutil.ignore_patterns("__pycache__", "html", "example")
    for name in BUILT_FROM:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=skipped)
        else:
            shutil.copy(ROOT / name, source / name)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    bare = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    command += ["--disable-pip-version-check", "--no-index", "-w", str(folder), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, env=bare)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    return built


def installed(folder: Path) -> Path:
    """Unpacks the wheel with a fake training; other packages are those of this Python."""
    site = folder / "site-packages"  # so it is taken for an installed package
    zipfile.ZipFile(build_wheel(folder)).extractall(site)
    (site / "rankdet" / "training" / "__init__.py").write_text(FAKE_TRAINING)
    return site


def make_lab(folder: Path, site: Path) -> Lab:
    """Makes a lab with the installed command, and gives it files of its own."""
    outside = Lab(folder, site)
    done = outside.rankdet("init", "my-lab")
    assert done.returncode == 0, done.stderr
    lab = Lab(folder / "my-lab", site)
    card = (site / "rankdet/_share/workflows/detectors/retinanet.yaml").read_text()
    lab.write("detectors/slim.yaml", card.replace("name: retinanet", "name: slim"))
    lab.write("helpers/modules.py", HELPERS)
    lab.write("helpers/numbers.py", "FACTOR = 1.0\n")
    lab.write("losses/mine.py", LOSS)
    lab.write("elsewhere/third.py", LOSS.replace("mine", "third").replace("OwnLoss", "Other"))
    lab.write("papers/own/paper.yaml", PAPER)
    lab.write("papers/own/table1.yaml", TABLE)
    lab.write("study.yaml", STUDY)
    return lab
