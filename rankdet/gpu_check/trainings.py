"""Parts `trainings` and `modes`: small detectors on the built-in shapes.

`trainings` trains RetinaNet and ATSS with each loss, several at a time, with as many seeds as fit.
`modes` trains one of them alone in fp32, in bf16 and with torch.compile, to compare seconds per
iteration.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rankdet.gpu_check.budget import Context
from rankdet.gpu_check.study import prepared, small_study, specs
from rankdet.results.schemas.dataset import DatasetManifest
from rankdet.training.attempts import MEASURED, NOT_REACHED, Row
from rankdet.training.pool import Task, guarded, train_all

DETECTORS = ("retinanet", "atss")
LOSSES = ("focal", "ap", "alrp", "rs", "ape")
SEEDS = {"tiny": 1, "full": 20}
MOST_PROCESSES = 12  # each needs a little more than one core
MODES: dict[str, dict[str, Any]] = {
    "fp32": {},
    "bf16": {"precision": "bf16"},
    "channels_last": {"channels_last": True},
    "compile": {"compile": True},
}
MODE_LOSS = "alrp"
MODE_ITERATIONS = 96  # whole epochs of the default data


def rows(context: Context) -> Iterator[Row]:
    """Yields one row per training: `AP`, `oLRP`, `outcome`, `train_seconds` and so on.

    The first seed of all pairs comes before the second. Of what is not reached, only the first seed
    has a row. `seconds_per_iteration` is with other trainings on the same card.
    """
    tiny = context.size == "tiny"
    detectors, losses = (DETECTORS[:1], LOSSES[:2]) if tiny else (DETECTORS, LOSSES)
    seeds = range(1, SEEDS[context.size] + 1)
    tasks = _tasks(context, detectors, losses, seeds)
    tasks.sort(key=lambda task: task[0]["seed"])
    processes = 0 if tiny else max(1, min(MOST_PROCESSES, 3 * (os.cpu_count() or 1) // 4))
    for row in _all(tasks, processes, context):
        if row["status"] != NOT_REACHED or row["seed"] == seeds[0]:
            yield {**row, "at_a_time": max(1, processes)}


def modes(context: Context) -> Iterator[Row]:
    """Yields one row per mode: `seconds_per_iteration`, and `ratio` to fp32."""
    tiny = context.size == "tiny"
    tasks: list[Task] = []
    for mode, change in MODES.items():
        if tiny and mode == "compile":  # needs a C compiler on a CPU
            continue
        length = {} if tiny else {"iterations": MODE_ITERATIONS}
        made = _tasks(context, DETECTORS[:1], (MODE_LOSS,), (1,), {**change, **length})
        tasks += [({"mode": mode, **item}, spec) for item, spec in made]
    first: float | None = None
    for row in _all(tasks, 0 if tiny else 1, context):
        if row["status"] == MEASURED:
            first = first or row["seconds_per_iteration"]
            row["ratio"] = row["seconds_per_iteration"] / first
        yield row


def _tasks(
    context: Context, detectors: Any, losses: Any, seeds: Any, change: dict[str, Any] | None = None
) -> list[Task]:
    device = context.device.partition(":")[0]
    study = small_study(context.size, device, detectors, losses, seeds, **change or {})
    manifest = context.work / "data" / "dataset.json"
    if not manifest.exists():
        prepared(study, manifest.parent)
    checksum = DatasetManifest.from_disk(manifest).checksum
    keys = ("detector", "loss", "seed")
    return [
        ({key: spec[key] for key in keys}, spec) for spec in specs(study, str(manifest), checksum)
    ]


def _all(tasks: list[Task], processes: int, context: Context) -> Iterator[Row]:
    """Trains in other processes, or one after the other in this one."""
    if processes:
        yield from train_all(tasks, processes, context.work, context.log, left=context.budget.left)
        return
    longest = 0.0
    for index, (item, spec) in enumerate(tasks):
        if context.budget.left() <= longest:
            yield {**item, "status": NOT_REACHED}
            continue
        start = time.monotonic()
        folder = Path(context.work) / f"run-{index}"
        yield {**item, **guarded(spec, folder, context.log)}
        longest = max(longest, time.monotonic() - start)
