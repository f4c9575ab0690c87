"""AP by other evaluators on the same files: their time and memory, each in a process of its own."""

import contextlib
import importlib
import importlib.util
import io
import multiprocessing
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

MODULES = {"hotcoco": "hotcoco", "faster-coco-eval": "faster_coco_eval"}


def installed(name: str) -> bool:
    """Whether an evaluator of `MODULES` can be imported."""
    return importlib.util.find_spec(MODULES[name]) is not None


def measured(name: str, gt_path: Path, dt_path: Path) -> dict[str, Any]:
    """Evaluates boxes with one of `MODULES`.

    Args:
        name: the evaluator.
        gt_path: annotations.
        dt_path: detections.

    Returns:
        `seconds` of the processor by step, their `total`, `peak_gb` of the process, and `AP`.
    """
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return dict(pool.apply(_evaluate, (name, str(gt_path), str(dt_path))))


def peak_gb() -> float:
    """Returns the largest memory that this process has had, in GB."""
    with contextlib.suppress(OSError, IndexError):
        # Linux: the number of `getrusage` is also that of the process that started this one.
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        return int(status.split("VmHWM:")[1].split()[0]) / 2**20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**30 if sys.platform == "darwin" else 2**20)


def timed(steps: dict[str, float], name: str, function: Callable[[], Any]) -> Any:
    """Runs `function` and stores its processor seconds in `steps`."""
    start = time.process_time()
    result = function()
    steps[name] = time.process_time() - start
    return result


def _evaluate(name: str, gt_path: str, dt_path: str) -> dict[str, Any]:
    steps: dict[str, float] = {}
    module = importlib.import_module(MODULES[name])
    evaluation = getattr(module, "COCOeval_faster", None) or module.COCOeval
    with contextlib.redirect_stdout(io.StringIO()):
        truth = timed(steps, "read ground truth", lambda: module.COCO(gt_path))
        read = getattr(truth, "load_res", None) or truth.loadRes
        found = timed(steps, "read detections", lambda: read(dt_path))
        evaluator = evaluation(truth, found, "bbox")
        timed(steps, "evaluate", evaluator.evaluate)
        timed(steps, "accumulate", evaluator.accumulate)
        evaluator.summarize()
    return {
        "seconds": steps,
        "total": sum(steps.values()),
        "peak_gb": peak_gb(),
        "AP": float(evaluator.stats[0]),
    }
