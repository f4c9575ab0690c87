"""Compares a run's oLRP with the package that LRP's authors released: `lrp-check.json`.

The package replaces pycocotools, so it needs a separate environment. If the environment cannot be
made, the status of the record is `skipped`, with the reason.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from rankdet.errors import InputError
from rankdet.evaluation import lrp_released
from rankdet.files import read_record
from rankdet.repository import CACHE, ENVIRONMENTS

SCHEMA = "rankdet.lrp-check/1"
ENVIRONMENT = ENVIRONMENTS / "lrp.yaml"
FOLDER = CACHE / "lrp-env"
PYTHON = "RANKDET_LRP_PYTHON"  # environment variable: a Python in which the package is installed
SOURCE = "https://github.com/kemaloksuz/LRP-Error"
PACKAGE = f"git+{SOURCE}#subdirectory=pycocotools"
TOLERANCE = 1e-9


class Unavailable(Exception):
    """The released package cannot be installed or used here. The message is the reason."""


def check_lrp(
    ground_truth: str | Path, detections: str | Path, metrics: str | Path, out: str | Path
) -> None:
    """Compares the oLRP in a run's record with that of the released package.

    Args:
        ground_truth: COCO-format annotations.
        detections: the run's detections.
        metrics: the run's `metrics.json`.
        out: the record to write (schema `rankdet.lrp-check/1`): `status` (`equal`, `different` or
            `skipped`), `reason` (unless equal), `largest_difference` over all classes and values,
            `classes` (how many were compared), and `different` (the first ten different values,
            with `category`, `value`, `ours`, `released`).

    Raises:
        InputError: the metrics cannot be read.
    """
    record, problem = read_record(Path(metrics))
    if problem:
        raise InputError(f"{metrics}: {problem}; evaluate the run first")
    try:
        released = _released(record, Path(ground_truth), Path(detections))
        result = compare(record["per_class"], released)
    except Unavailable as error:
        result = {"status": "skipped", "reason": str(error)}
    text = json.dumps({"schema": SCHEMA, "source": SOURCE, **result}, indent=1, allow_nan=False)
    Path(out).write_text(text + "\n", encoding="utf-8")


def compare(
    ours: Mapping[str, Mapping[str, Any]], released: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Returns the status and the different values of all classes; null is equal only to null."""
    different: list[dict[str, Any]] = []
    largest = 0.0
    for category, values in released.items():
        for key, theirs in values.items():
            own = ours.get(category, {}).get(key)
            if own is None or theirs is None:
                equal = own is None and theirs is None
            else:
                largest = max(largest, abs(own - theirs))
                equal = abs(own - theirs) <= TOLERANCE
            if not equal:
                different.append(
                    {"category": category, "value": key, "ours": own, "released": theirs}
                )
    return {
        "status": "different" if different else "equal",
        "reason": f"{len(different)} values differ" if different else None,
        "largest_difference": largest,
        "classes": len(released),
        "different": different[:10],
    }


def _released(record: Mapping[str, Any], truth: Path, found: Path) -> dict[str, Any]:
    if record.get("status") == "diverged":
        raise Unavailable("the run diverged: it has no metrics")
    if record["settings"]["max_dets"] != [1, 10, 100]:
        raise Unavailable("the package does not support federated (LVIS) annotations")
    if not record["counts"]["detections"]:
        raise Unavailable("there are no detections, and the package cannot load an empty list")
    python = _python()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "released.json"
        _run([python, lrp_released.__file__, truth, found, out], f"{python} failed")
        return dict(json.loads(out.read_text(encoding="utf-8")))


def _python() -> str:
    """Returns a Python that has the package: from the variable `PYTHON` or a new environment."""
    named = os.environ.get(PYTHON)
    if named:
        if shutil.which(named) is None:
            raise Unavailable(f"{PYTHON} is {named}, which is not a program")
        return named
    python = FOLDER / "bin" / "python"
    if not (FOLDER / "ready").exists():
        _install(python)
    return str(python)


def _install(python: Path) -> None:
    if shutil.which("git") is None:
        raise Unavailable("git, which installs the package, is not on this machine")
    _run(["git", "ls-remote", SOURCE, "HEAD"], f"{SOURCE} cannot be reached", seconds=30)
    entries = yaml.safe_load(ENVIRONMENT.read_text(encoding="utf-8"))["dependencies"]
    needed = next(entry["pip"] for entry in entries if isinstance(entry, dict))
    pip: list[str | Path] = [
        python,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]
    try:
        _run(
            [sys.executable, "-m", "venv", "--clear", FOLDER],
            "a virtual environment cannot be made",
        )
        _run([*pip, *needed], "the package's requirements cannot be installed")
        _run([*pip, "--no-build-isolation", PACKAGE], "the package cannot be built")
        (FOLDER / "ready").touch()
    except Unavailable:
        shutil.rmtree(FOLDER, ignore_errors=True)
        raise


def _run(command: Sequence[str | Path], trouble: str, seconds: int = 900) -> None:
    quiet = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}
    try:
        done = subprocess.run(
            [str(part) for part in command],
            env=quiet,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{trouble}: no answer in {seconds} s") from None
    except OSError as error:
        raise Unavailable(f"{trouble}: {error.strerror}") from None
    if done.returncode:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        raise Unavailable(f"{trouble}: {lines[-1] if lines else 'no message'}")
