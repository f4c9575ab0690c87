"""Our adapters beside mmdet's own heads: the time of a training step on the same batch.

Both models share backbone and neck. They are timed in turns in one process, each first in every
second round. The ratio is the median over the rounds, because the speed of a shared machine changes
with time. With one thread on a CPU, the times are those of the process: other programs of the
machine do not count.
"""

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rankdet.errors import InputError
from rankdet.losses import turns
from rankdet.training import provenance
from rankdet.training.cost import build_model, draw_batch, wait
from rankdet.training.environment import set_up

SCHEMA = "rankdet.bench.stock/1"
WARM_UP = 2  # steps that are not timed
LR = 1e-6  # the weights change so little that all steps see the same detector


def measure_stock(
    spec: Mapping[str, Any], keep: Callable[[dict[str, Any]], None] = lambda record: None
) -> dict[str, Any]:
    """Times a training step of our adapters and of mmdet's own heads.

    Args:
        spec: As for `rankdet.training.cost.measure_cost`; `rounds` is the number of steps of each.
        keep: Gets the record of what has been measured, after each detector and loss.

    Returns:
        `rows`: per detector and loss `stock_loss` (the losses of mmdet's heads), `ours_s` and
        `stock_s` (medians in seconds) and `ratio` (the median of ours divided by mmdet's, step by
        step); and `settings`, `hardware`, `versions`.

    Raises:
        InputError: If mmdet's own head cannot be built, or a loss does not fit.
    """
    device = set_up(dict(spec))
    for entry in spec["entries"]:
        _check(entry, spec)
    kept = ("preset", "image_size", "batch_size", "classes", "rounds", "threads")
    clock = turns.clock_name(int(spec["threads"]), device)
    rows: list[dict[str, str | float]] = []
    record: dict[str, Any] = {
        "schema": SCHEMA,
        "settings": {**{key: spec[key] for key in kept}, "clock": clock},
        "rows": rows,
        "hardware": provenance.hardware(device),
        "versions": provenance.versions(),
        "when": provenance.now(),
    }
    for entry in spec["entries"]:
        rows.append(_measure(entry, spec, device, clock))
        keep(record)
        gc.collect()
    return record


def _measure(
    entry: Mapping[str, Any], spec: Mapping[str, Any], device: str, clock: str
) -> dict[str, str | float]:
    from rankdet.detectors.models import model_config, stock_config

    detector, own = entry["detector_spec"], _sizes(spec)
    config = model_config(detector, entry["card"], loss_file=entry["loss_file"], **own)
    ours = build_model(config, device)
    theirs = stock_config(detector, **own)
    stock = build_model(theirs, device)
    stock.backbone, stock.neck = ours.backbone, ours.neck
    batch = draw_batch(spec, device)
    if detector.get("masks"):
        with_masks(batch[1])
    steps = [training_step(model, batch, device) for model in (ours, stock)]
    own_s, stock_s = turns.alternating(steps, int(spec["rounds"]), turns.CLOCKS[clock], WARM_UP)
    ratios = [mine / other for mine, other in zip(own_s, stock_s, strict=True)]
    return {
        "detector": entry["detector"],
        "loss": entry["loss"],
        "stock_loss": " + ".join(dict.fromkeys(loss_types(theirs))),
        "ours_s": median(own_s),
        "stock_s": median(stock_s),
        "ratio": median(ratios),
    }


def loss_types(config: Any) -> Iterator[str]:
    """Yields the types of all losses of mmdet's model config: `FocalLoss`, `L1Loss`."""
    if isinstance(config, Mapping):
        for key, value in config.items():
            if key.startswith("loss") and isinstance(value, Mapping) and "type" in value:
                yield str(value["type"])
            else:
                yield from loss_types(value)
    elif isinstance(config, Sequence) and not isinstance(config, str):
        for value in config:
            yield from loss_types(value)


def _check(entry: Mapping[str, Any], spec: Mapping[str, Any]) -> None:
    """Raises InputError if mmdet lacks the head, before other detectors are measured."""
    from mmdet.registry import MODELS

    from rankdet.detectors.models import stock_config

    detector = entry["detector_spec"]
    try:
        MODELS.build(stock_config(detector, **_sizes(spec)))
    except TypeError as error:
        raise InputError(
            f"{detector['name']}: mmdet has no such head ({error}); leave this detector out"
        ) from error


def _sizes(spec: Mapping[str, Any]) -> dict[str, Any]:
    classes = [f"class {index}" for index in range(int(spec["classes"]))]
    return {"preset": spec["preset"], "classes": classes}


def with_masks(samples: Sequence[Any]) -> None:
    """Gives each object of mmdet's data samples a mask, which fills its box."""
    from mmdet.structures.mask import BitmapMasks

    for sample in samples:
        height, width = sample.img_shape
        boxes = sample.gt_instances.bboxes.round().int().tolist()
        masks = np.zeros((len(boxes), height, width), dtype=np.uint8)
        for mask, (left, top, right, bottom) in zip(masks, boxes, strict=True):
            mask[top : max(bottom, top + 1), left : max(right, left + 1)] = 1
        sample.gt_instances.masks = BitmapMasks(masks, height, width)


def training_step(model: Any, batch: tuple[Tensor, list[Any]], device: str) -> Callable[[], None]:
    """Returns a function that makes one step (forward, backward, SGD) and waits for its end."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimiser = torch.optim.SGD(trained, lr=LR, momentum=0.9, weight_decay=1e-4, fused=True)

    def step() -> None:
        total, _ = model.parse_losses(model.loss(*batch))
        total.backward()
        optimiser.step()
        optimiser.zero_grad()
        wait(device)

    return step
