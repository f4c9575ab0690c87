"""The provenance of a run: commit, versions, hardware."""

import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import datetime, timezone
from importlib import metadata
from typing import Any

from rankdet.machine import processor_name
from rankdet.repository import COMMIT, IN_CLONE, ROOT

PACKAGES = ("rankdet", "torch", "mmdet", "mmengine", "mmcv-lite", "mmcv", "numpy")


def now() -> str:
    """Returns the time in UTC, ISO 8601, to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def _git(*arguments: str) -> str | None:
    if not IN_CLONE:  # a wheel has a version; a repository around its environment is another one
        return None
    try:
        done = subprocess.run(
            ["git", "-C", str(ROOT), *arguments],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def commit() -> str | None:
    """Returns the commit of this code; None if it is not in a clone and no variable names it."""
    return _git("rev-parse", "HEAD") or os.environ.get(COMMIT)


def changed() -> bool | None:
    """Returns whether files of the clone differ from its commit; None outside of a clone."""
    status = _git("status", "--porcelain")
    return None if status is None else bool(status)


def versions() -> dict[str, str]:
    """Returns the versions of Python and of the packages that affect a training."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def hardware(device: str) -> dict[str, Any]:
    """Returns what the last digits of a training depend on: processor, instructions, threads, GPU.

    `instruction_set` is the one that torch's own kernels use, such as `AVX2` or `AVX512`.
    """
    import torch

    facts: dict[str, Any] = {
        "device": device,
        "cpu": processor_name(),
        "instruction_set": torch.backends.cpu.get_cpu_capability(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "system": f"{platform.system()} {platform.machine()}",
    }
    if device.startswith("cuda"):
        facts["gpu"] = torch.cuda.get_device_name(device)
    return facts


def provenance(spec: Mapping[str, Any], device: str, started: str) -> dict[str, Any]:
    """Returns the provenance block of a run's record.

    Args:
        spec: The run's spec; its `hashes` are copied.
        device: `cpu` or `cuda:<index>`.
        started: The time of the run's first start, ISO 8601.
    """
    hashes = spec.get("hashes", {})
    return {
        "commit": commit(),
        "dirty": changed(),
        "config_hash": hashes.get("config"),
        "code_hash": hashes.get("code"),
        "loss_hash": hashes.get("loss"),
        "data_checksum": hashes.get("data"),
        "seed": spec["seed"],
        **({"made_of": spec["made_of"]} if spec.get("made_of") else {}),
        "versions": versions(),
        "hardware": hardware(device),
        "started": started,
        "finished": now(),
    }
