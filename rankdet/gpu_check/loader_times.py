"""Part `loader`: how fast images come from the disk, apart from the training."""

import statistics
import time
from collections.abc import Iterator
from typing import Any

from rankdet.gpu_check.budget import Context, steps
from rankdet.gpu_check.study import DATASET, small_study, specs
from rankdet.training.attempts import Row

WORKERS = {"tiny": (0,), "full": (0, 4, 8)}
IMAGES = {"tiny": 4, "full": 64}
SIDE = {"tiny": 64, "full": 512}
BATCH = {"tiny": 2, "full": 8}
PASSES = {"tiny": 1, "full": 3}  # over the data; the first starts the processes and is not counted


def rows(context: Context) -> Iterator[Row]:
    """Yields one row per number of worker processes: `ms` per batch and `images_per_second`."""
    from rankdet.datasets import prepare

    size = context.size
    schedule = {"image_size": SIDE[size], "batch_size": BATCH[size]}
    study = small_study(size, "cpu", ["retinanet"], ["focal"], [1], **schedule)
    data = {**study.data_config(DATASET), "image_size": SIDE[size], "train_images": IMAGES[size]}
    folder = context.work / "loader"
    prepare(DATASET, {**data, "val_images": 1}, folder)
    (spec,) = specs(study, str(folder / "dataset.json"), None)
    items = [
        {"workers": workers, "image_size": SIDE[size], "batch_size": BATCH[size]}
        for workers in WORKERS[size]
    ]
    yield from steps(items, lambda item: _time(spec, item, PASSES[size]), context)


def _time(spec: dict[str, Any], item: Row, passes: int) -> Row:
    from mmengine.runner import Runner

    from rankdet.training import config

    own = {**spec, "schedule": {**spec["schedule"], "workers": item["workers"]}}
    loader = Runner.build_dataloader(config.train_loader(own, config.load_manifest(own)), seed=1)
    times, images = [], 0
    for number in range(passes + 1):
        start = time.perf_counter()
        for batch in loader:
            images = len(batch["inputs"])
            if number:
                times.append(time.perf_counter() - start)
            start = time.perf_counter()
    del loader  # ends its processes
    mean = statistics.fmean(times)
    return {"ms": mean * 1e3, "batches": len(times), "images_per_second": images / mean}
