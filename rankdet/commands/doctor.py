"""`rankdet doctor`: packages and hardware of this machine, its problems, and their remedies."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from rankdet import __version__
from rankdet.commands import packages, shadows
from rankdet.commands.packages import EnvironmentProblem
from rankdet.jobs.folders import folder_problems
from rankdet.repository import COMMIT, ENVIRONMENTS, IN_CLONE, ROOT, runs_studies, unusable

SCHEMA = "rankdet.doctor/1"
GB = 1 << 30
LEAST_DISK, LEAST_MEMORY = 5 * GB, 3 * GB


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument("--json", action="store_true", help="print JSON for other programs")


def run(args: argparse.Namespace) -> int:
    """Prints the findings; returns 1 if there are problems, else 0."""
    findings = examine()
    print(json.dumps(findings, indent=2) if args.json else "\n".join(lines(findings)))
    return 1 if findings["problems"] else 0


def examine() -> dict[str, Any]:
    """Examines the packages, the machine, the current folder and the repository.

    An installed wheel is not in a clone of the repository: then the git commit is not examined, and
    packages that only studies need are examined in a lab alone.
    """
    clone, lab = IN_CLONE, not IN_CLONE and runs_studies(Path())
    pins = ENVIRONMENTS / "constraints.txt"
    versions = packages.installed()
    torch, import_problems = packages.imported("torch")
    import_problems += packages.opencv_problems()
    devices = find_devices(torch)
    hidden = list(shadows.shadow_problems())
    served, op_problems = packages.find_ops() if torch and "mmdet" in versions else ({}, [])
    if hidden:  # their remedy is that of the first problem, and no new set-up
        import_problems, op_problems = [], []
    disk = {"folder": str(Path.cwd()), "free": shutil.disk_usage(Path.cwd()).free}
    commit, git_problems = find_commit(ROOT) if clone else (None, [])
    problems = [
        *(path_problems(ROOT, sys.executable) if clone else ()),
        *hidden,
        *packages.package_problems(versions, studies=clone or lab, clone=clone),
        *packages.version_problems(versions, packages.pins(pins), None if clone else pins),
        *import_problems,
        *op_problems,
        *device_problems(devices),
        *space_problems(disk, devices["memory"]),
        *(EnvironmentProblem(*problem) for problem in folder_problems()),
        *git_problems,
    ]
    shown = ("python", *packages.NEEDED, *packages.MMCV, "torchvision")
    return {
        "schema": SCHEMA,
        "rankdet": __version__,
        "versions": {name: versions.get(name) for name in shown},
        "devices": devices,
        "ops": served,
        "disk": disk,
        "clone": clone,
        "lab": lab,
        "commit": commit,
        "problems": [problem._asdict() for problem in problems],
    }


def path_problems(clone: Path, python: str) -> Iterator[EnvironmentProblem]:
    """Yields a problem if Snakemake cannot start jobs from a path of the clone or environment."""
    if problem := unusable(clone, python):
        remedy = (
            "clone into another folder, or set the environment up with `make setup VENV=<path>`"
        )
        yield EnvironmentProblem(problem, remedy)


def find_devices(torch: ModuleType | None) -> dict[str, Any]:
    """Returns the cores, the memory in bytes, the GPUs, and the CUDA version of torch."""
    affinity = getattr(os, "sched_getaffinity", None)
    devices: dict[str, Any] = {
        "cores": len(affinity(0)) if affinity else os.cpu_count(),
        "memory": memory(),
        "cuda_build": None,
        "gpus": [],
        "mps": False,
        "nvidia_driver": Path("/dev/nvidiactl").exists(),
    }
    if torch:
        devices["cuda_build"] = torch.version.cuda
        devices["mps"] = torch.backends.mps.is_available()
        if torch.cuda.is_available():
            count = range(torch.cuda.device_count())
            devices["gpus"] = [torch.cuda.get_device_name(i) for i in count]
    return devices


def memory() -> dict[str, int] | None:
    """Returns total and available memory in bytes, limited by the container; None if unknown."""
    try:
        import psutil
    except ImportError:
        return None
    now = psutil.virtual_memory()
    found = {"total": now.total, "available": now.available}
    try:
        limit = int(Path("/sys/fs/cgroup/memory.max").read_text())
        used = int(Path("/sys/fs/cgroup/memory.current").read_text())
    except (OSError, ValueError):  # no control group, or no limit ("max")
        return found
    return {
        "total": min(found["total"], limit),
        "available": min(found["available"], max(0, limit - used)),
    }


def device_problems(devices: Mapping[str, Any]) -> Iterator[EnvironmentProblem]:
    """Yields a problem for a GPU that torch cannot use, or a CUDA build that finds no GPU."""
    if devices["cuda_build"] and not devices["gpus"]:
        yield EnvironmentProblem(
            f"torch is built for CUDA {devices['cuda_build']} but finds no GPU: runs use the CPU",
            "check `nvidia-smi` and CUDA_VISIBLE_DEVICES; without a GPU, a CPU build of torch is "
            "smaller",
        )
    if devices["nvidia_driver"] and not devices["cuda_build"] and not devices["gpus"]:
        yield EnvironmentProblem(
            "there is an NVIDIA GPU but torch is built without CUDA: runs use the CPU",
            "install the same torch version from PyPI or pytorch.org's CUDA index",
        )


def space_problems(
    disk: Mapping[str, Any], found_memory: Mapping[str, int] | None
) -> Iterator[EnvironmentProblem]:
    """Yields a problem if the disk space or the memory is too small for a study."""
    if disk["free"] < LEAST_DISK:
        yield EnvironmentProblem(
            f"{gigabytes(disk['free'])} free on the disk of {disk['folder']}, "
            f"less than {gigabytes(LEAST_DISK)}: checkpoints and data may not fit",
            "free some space, or run from a folder on another disk",
        )
    if found_memory and found_memory["available"] < LEAST_MEMORY:
        yield EnvironmentProblem(
            f"{gigabytes(found_memory['available'])} of memory available, "
            f"less than {gigabytes(LEAST_MEMORY)}: the system may stop a training",
            "close other programs, or run fewer jobs at once (`snakemake --cores 1`)",
        )


def find_commit(folder: Path) -> tuple[str | None, list[EnvironmentProblem]]:
    """Returns the commit of the code, with `-dirty` after changes, or None and a problem."""
    if shutil.which("git") is None:
        return None, [
            EnvironmentProblem("git is not installed: records cannot name a commit", "install git")
        ]
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None and (image := os.environ.get(COMMIT)):
        return image, []
    if commit is None:
        remedy = "clone the repository instead of unpacking an archive"
        return None, [
            EnvironmentProblem(f"{folder} has no git commit: records cannot name one", remedy)
        ]
    return commit + ("-dirty" if _git(folder, "status", "--porcelain") else ""), []


def _git(folder: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def gigabytes(size: int) -> str:
    """Returns a number of bytes in GB (2^30) with one decimal."""
    return f"{size / GB:.1f} GB"


def lines(findings: Mapping[str, Any]) -> Iterator[str]:
    """Yields the findings as text."""
    yield "Versions"
    yield f"  {'rankdet':<14}{findings['rankdet']}"
    for name, version in findings["versions"].items():
        if version or name in packages.NEEDED:
            yield f"  {name:<14}{version or 'not installed'}"
    devices, found_memory = findings["devices"], findings["devices"]["memory"]
    yield "Devices"
    yield f"  {'CPU cores':<14}{devices['cores']}"
    if found_memory:
        free, total = (gigabytes(found_memory[key]) for key in ("available", "total"))
        yield f"  {'memory':<14}{free} available of {total}"
    build = f"torch for CUDA {devices['cuda_build']}" if devices["cuda_build"] else "CPU torch"
    build = build if findings["versions"].get("torch") else "torch not installed"
    yield f"  {'CUDA':<14}{', '.join(devices['gpus']) or 'no GPU'} ({build})"
    yield f"  {'MPS':<14}{'available' if devices['mps'] else 'not available'}"
    if findings["ops"]:
        yield "Operations of mmcv"
    for backend in sorted(set(findings["ops"].values())):
        names = [name for name, served in findings["ops"].items() if served == backend]
        start = f"  {backend:<14}"
        yield textwrap.fill(", ".join(names), 100, initial_indent=start, subsequent_indent=" " * 16)
    yield "Folder"
    disk = findings["disk"]
    yield f"  {'disk':<14}{gigabytes(disk['free'])} free in {disk['folder']}"
    if findings["clone"]:
        yield f"  {'commit':<14}{findings['commit'] or 'unknown'}"
    else:
        lab = "this folder is a lab" if findings.get("lab") else "`rankdet init` makes a lab"
        yield f"  {'repository':<14}this is an installed package; {lab}"
    if not findings["problems"]:
        yield "No problems found."
        return
    yield f"Problems ({len(findings['problems'])})"
    for number, entry in enumerate(findings["problems"], start=1):
        yield f"  {number}. {entry['problem']}"
        yield f"     Remedy: {entry['remedy']}"
