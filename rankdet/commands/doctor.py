"""`rankdet doctor`: what this machine has, what is wrong with it, and what to do about it."""

import argparse
import importlib
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import textwrap
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from rankdet.repository import ENVIRONMENTS, ROOT

SCHEMA = "rankdet.doctor/1"
SET_UP = "run `make setup`, or pip install -c envs/constraints.txt -e '.[bench,dev]'"
GB = 1 << 30
LEAST_DISK, LEAST_MEMORY = 5 * GB, 3 * GB

# Distribution -> what does not work without it.
NEEDED = {
    "torch": "training and the losses",
    "mmdet": "the detectors",
    "mmengine": "training",
    "snakemake": "running studies",
    "numpy": "everything",
    "pandas": "evaluation and reports",
    "pyarrow": "evaluation and reports",
    "scipy": "evaluation",
    "pycocotools": "evaluation with `--backend pycocotools` and masks",
    "hotcoco": "evaluation with `--backend hotcoco`",
    "scikit-learn": "the detector PAA",
    "matplotlib": "figures",
    "pydantic": "reading a study",
}
MMCV = ("mmcv-lite", "mmcv")


class Problem(NamedTuple):
    """One thing that is wrong and one line on what to do."""

    problem: str
    remedy: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument("--json", action="store_true", help="print JSON for other programs")


def run(args: argparse.Namespace) -> int:
    """Prints the findings; returns 1 if something is wrong, else 0."""
    findings = examine()
    print(json.dumps(findings, indent=2) if args.json else "\n".join(lines(findings)))
    return 1 if findings["problems"] else 0


def examine() -> dict[str, Any]:
    """Looks at the environment, the machine, the folder and the repository."""
    versions = installed()
    torch, import_problems = imported("torch")
    devices = find_devices(torch)
    served, op_problems = find_ops() if torch else ({}, [])
    disk = {"folder": str(Path.cwd()), "free": shutil.disk_usage(Path.cwd()).free}
    commit, git_problems = find_commit(ROOT)
    problems = [
        *package_problems(versions),
        *version_problems(versions, pins(ENVIRONMENTS / "constraints.txt")),
        *import_problems,
        *op_problems,
        *device_problems(devices),
        *space_problems(disk, devices["memory"]),
        *git_problems,
    ]
    shown = ("python", *NEEDED, *MMCV, "torchvision")
    return {
        "schema": SCHEMA,
        "versions": {name: versions.get(name) for name in shown},
        "devices": devices,
        "ops": served,
        "disk": disk,
        "commit": commit,
        "problems": [problem._asdict() for problem in problems],
    }


def installed() -> dict[str, str]:
    """Returns the version of Python and of every installed distribution, by normalised name."""
    found = {normal(d.name): d.version for d in metadata.distributions() if d.name}
    return {"python": platform.python_version(), **found}


def normal(name: str) -> str:
    """Returns a distribution's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(constraints: Path) -> dict[str, str]:
    """Reads `name==version` lines; without the file (an installed wheel) there are none."""
    if not constraints.is_file():
        return {}
    found = re.findall(r"^([\w.-]+)==([^\s;#]+)", constraints.read_text(), flags=re.MULTILINE)
    return {normal(name): version for name, version in found}


def package_problems(versions: Mapping[str, str]) -> Iterator[Problem]:
    """Yields what is missing."""
    for name, purpose in NEEDED.items():
        if name not in versions:
            yield Problem(f"{name} is not installed: needed for {purpose}", SET_UP)
    both = [name for name in MMCV if name in versions]
    if not both:
        yield Problem("mmcv-lite is not installed: needed for the detectors", SET_UP)
    elif len(both) == 2:
        yield Problem(
            "mmcv and mmcv-lite are both installed and overwrite each other's files",
            "pip uninstall mmcv mmcv-lite, then install one of them",
        )


def version_problems(versions: Mapping[str, str], pinned: Mapping[str, str]) -> Iterator[Problem]:
    """Yields one line on all packages that differ from their pins; a build label (+cpu) is free."""
    differing = [
        f"{name} {versions[name]} (pinned {pin})"
        for name, pin in sorted(pinned.items(), key=lambda item: (item[0] not in NEEDED, item[0]))
        if name in versions and versions[name].split("+")[0] != pin.split("+")[0]
    ]
    if differing:
        more = f" and {len(differing) - 6} more" if len(differing) > 6 else ""
        yield Problem(
            f"versions differ from envs/constraints.txt: {', '.join(differing[:6])}{more}",
            f"{SET_UP}; or keep them, and expect other numbers in the last digits",
        )


def imported(name: str) -> tuple[ModuleType | None, list[Problem]]:
    """Imports a module; None if it is absent, and a problem too if it is there but broken."""
    if importlib.util.find_spec(name.split(".")[0]) is None:
        return None, []
    try:
        return importlib.import_module(name), []
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        return None, [Problem(f"{name} does not import: {reason}", f"{SET_UP} in a new .venv")]


def find_ops() -> tuple[dict[str, str], list[Problem]]:
    """Imports mmdet on top of our operations; returns what serves each and what went wrong."""
    from rankdet.detectors import ops
    from rankdet.detectors.ops import vision

    problems = []
    if error := vision.import_error():
        remedy = "pip uninstall torchvision (it is not needed), or install this torch's version"
        problems.append(Problem(f"torchvision does not import: {error}", remedy))
    ops.install()
    broken = imported("mmcv.ops")[1]
    if broken and ops.compiled_extension() is not None:
        remedy = "pip uninstall mmcv, then pip install mmcv-lite==2.1.0 or an mmcv for this torch"
        broken = [broken[0]._replace(remedy=remedy)]
    return ops.backends(), problems + (broken or imported("mmdet.models")[1])


def find_devices(torch: ModuleType | None) -> dict[str, Any]:
    """Returns cores, memory in bytes, GPUs, and for what torch was built."""
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
    """Returns total and available memory in bytes, within a container's limit; None if unknown."""
    try:
        import psutil
    except ImportError:
        return None
    now = psutil.virtual_memory()
    found = {"total": now.total, "available": now.available}
    try:
        limit = int(Path("/sys/fs/cgroup/memory.max").read_text())
        used = int(Path("/sys/fs/cgroup/memory.current").read_text())
    except (OSError, ValueError):  # no such group, or no limit ("max")
        return found
    return {
        "total": min(found["total"], limit),
        "available": min(found["available"], max(0, limit - used)),
    }


def device_problems(devices: Mapping[str, Any]) -> Iterator[Problem]:
    """Yields a GPU that torch cannot use, or a torch that finds no GPU."""
    if devices["cuda_build"] and not devices["gpus"]:
        yield Problem(
            f"torch is built for CUDA {devices['cuda_build']} but finds no GPU: runs use the CPU",
            "check `nvidia-smi` and CUDA_VISIBLE_DEVICES; without a GPU, a CPU build of torch is "
            "smaller",
        )
    if devices["nvidia_driver"] and not devices["cuda_build"] and not devices["gpus"]:
        yield Problem(
            "there is an NVIDIA GPU but torch is built without CUDA: runs use the CPU",
            "install the same torch version from PyPI or pytorch.org's CUDA index",
        )


def space_problems(
    disk: Mapping[str, Any], found_memory: Mapping[str, int] | None
) -> Iterator[Problem]:
    """Yields too little disk or memory for a study."""
    if disk["free"] < LEAST_DISK:
        yield Problem(
            f"{gigabytes(disk['free'])} free on the disk of {disk['folder']}, "
            f"less than {gigabytes(LEAST_DISK)}: checkpoints and data may not fit",
            "free some space, or run from a folder on another disk",
        )
    if found_memory and found_memory["available"] < LEAST_MEMORY:
        yield Problem(
            f"{gigabytes(found_memory['available'])} of memory available, "
            f"less than {gigabytes(LEAST_MEMORY)}: a training may be killed",
            "close other programs, or run fewer jobs at once (`snakemake --cores 1`)",
        )


def find_commit(folder: Path) -> tuple[str | None, list[Problem]]:
    """Returns the commit of the code, with `-dirty` if there are changes, and what hides it."""
    if shutil.which("git") is None:
        return None, [Problem("git is not installed: records cannot name a commit", "install git")]
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        remedy = "clone the repository in place of unpacking an archive"
        return None, [Problem(f"{folder} has no git commit: records cannot name one", remedy)]
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
    for name, version in findings["versions"].items():
        if version or name in NEEDED:
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
    yield "Operations of mmcv"
    for backend in sorted(set(findings["ops"].values())):
        names = [name for name, served in findings["ops"].items() if served == backend]
        start = f"  {backend:<14}"
        yield textwrap.fill(", ".join(names), 100, initial_indent=start, subsequent_indent=" " * 16)
    yield "Folder"
    disk = findings["disk"]
    yield f"  {'disk':<14}{gigabytes(disk['free'])} free in {disk['folder']}"
    yield f"  {'commit':<14}{findings['commit'] or 'unknown'}"
    if not findings["problems"]:
        yield "No problems found."
        return
    yield f"Problems ({len(findings['problems'])})"
    for number, entry in enumerate(findings["problems"], start=1):
        yield f"  {number}. {entry['problem']}"
        yield f"     Remedy: {entry['remedy']}"
