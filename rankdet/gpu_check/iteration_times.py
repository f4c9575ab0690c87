"""Part `iterations`: a training iteration of each detector with each loss, in fp32 and bf16.

The batch is on the device, so the loader is left out; part `loader` times it. With initial weights
and a learning rate of 0 every negative stays relevant, which is the worst case for a ranking loss.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from rankdet.errors import InputError
from rankdet.gpu_check import kernels
from rankdet.gpu_check.budget import Context, steps
from rankdet.gpu_check.clock import free, timed
from rankdet.study.model import load_model
from rankdet.training.attempts import FAILED, SKIPPED, Row
from rankdet.training.cost import draw_batch

BASELINES = {"retinanet": "focal", "atss": "focal", "faster-rcnn": "ce", "mask-rcnn": "ce"}
RANKING = ("rs", "alrp", "ap", "ape")
SETTINGS: dict[str, dict[str, Any]] = {
    "tiny": {"preset": "small", "image_size": 128, "batch_size": 2, "classes": 3, "repeats": 1},
    "full": {"preset": "full", "image_size": 512, "batch_size": 8, "classes": 80, "repeats": 15},
}
WARM_UPS = {"tiny": 1, "full": 3}
STEP_SECONDS = 4.0


def items(size: str) -> list[Row]:
    """Returns what is measured; the outer loop is over losses, so that all detectors are reached.

    Args:
        size: At `tiny` there is one ranking loss.
    """
    found: list[Row] = []
    for loss in (None, *(RANKING if size == "full" else RANKING[:1])):
        for detector, baseline in BASELINES.items():
            name = loss or baseline
            found += [
                {"detector": detector, "loss": name, "form": form, "precision": precision}
                for precision, form in [("fp32", form) for form in kernels.forms(name)]
                + [("bf16", kernels.forms(name)[-1])]
            ]
    return found


def rows(context: Context) -> Iterator[Row]:
    """Yields one row per detector, loss, form and precision.

    A measured row has `ms` (the median time of forward, backward and the optimiser's step),
    `peak_mb`, `loss_value` (the sum of the losses; if it is not finite, the row fails) and `ratio`:
    to the baseline (focal loss, or cross entropy in two stages) at the same precision, the median
    over turns of one iteration each, None if the baseline failed. `baseline_ms` is the median time
    of the baseline in the same turns, None in its own rows.
    """
    models = Models(context)
    skipped, runnable = kernels.runnable(items(context.size), context.device)
    yield from skipped
    yield from steps(runnable, models.measure, context)
    models.forget()
    models.baselines.clear()


class Models:
    """The detectors; the last one is kept for its other precision.

    Attributes:
        baselines: The detectors with their baseline losses, kept to be measured beside the others.
    """

    def __init__(self, context: Context) -> None:
        self.context, self.settings = context, SETTINGS[context.size]
        self.baselines: dict[str, Any] = {}
        self._without: set[str] = set()  # detectors whose baseline failed
        self._last: tuple[tuple[str, str], Any] | None = None
        self._batch: Any = None

    def forget(self) -> None:
        """Frees the last detector."""
        self._last = None
        free(self.context.device)

    def measure(self, item: Row) -> Row:
        """Returns the times of an item, or `skipped` if the loss does not train the detector."""
        key = (item["detector"], item["loss"])
        if self._last is None or self._last[0] != key:
            self.forget()
            try:
                self._last = key, self.baseline(key[0]) if _is_baseline(item) else self.build(*key)
            except InputError as error:
                return {"status": SKIPPED, "reason": str(error)}
        step = self._step(self._last[1], item)
        alone = _is_baseline(item) or key[0] in self._without
        beside = None if alone else self._step(self.baseline(key[0]), item)
        size = self.context.size
        with kernels.using(item["form"]):
            found = timed(
                step,
                self.context.device,
                warm_ups=WARM_UPS[size],
                repeats=self.settings["repeats"],
                seconds=STEP_SECONDS,
                beside=beside,
            )
        found["baseline_ms"] = found.pop("beside_ms", None)
        found.setdefault("ratio", 1.0 if _is_baseline(item) else None)
        found["loss_value"] = value = float(step.total.detach())
        if not math.isfinite(value):  # and so are the weights now, although the rate is 0
            self.forget()
            if _is_baseline(item):
                self.baselines.pop(key[0])
                self._without.add(key[0])
            return {"status": FAILED, "reason": f"the sum of the losses is {value}"}
        return found

    def baseline(self, detector: str) -> Any:
        """Returns a detector with its baseline loss."""
        if detector not in self.baselines:
            self.baselines[detector] = self.build(detector, BASELINES[detector])
        return self.baselines[detector]

    def _step(self, model: Any, item: Row) -> "Step":
        return Step(model, self.batch(), self.context.device, item["precision"])

    def batch(self) -> Any:
        """Returns the images and data samples on the device, with masks that fill the boxes."""
        if self._batch is None:
            images, samples = draw_batch(self.settings, self.context.device)
            for sample in samples:
                sample.gt_instances.masks = _filled(sample.gt_instances.bboxes, images.shape[-1])
            self._batch = images, samples
        return self._batch

    def build(self, detector: str, loss: str) -> Any:
        """Returns a detector in training mode on the device; downloads no weights.

        Raises:
            InputError: If the loss does not train the detector.
        """
        from mmdet.registry import MODELS

        from rankdet.detectors.models import model_config

        preset, count = self.settings["preset"], self.settings["classes"]
        model = load_model(detector, "", loss, preset)
        config = model_config(
            model.detector_spec,
            model.card,
            preset=preset,
            classes=[f"class {index}" for index in range(count)],
            loss_file=model.loss_file.path,
        )
        config["backbone"]["init_cfg"] = None
        torch.manual_seed(0)
        built = MODELS.build(config)
        built.init_weights()
        return built.to(self.context.device).train()


class Step:
    """One training iteration: forward, backward, and a step of SGD with a rate of 0.

    Args:
        model: The detector.
        batch: Images and data samples on the device.
        device: `cpu` or `cuda:<index>`.
        precision: `fp32`, or `bf16`: the forward pass runs under bfloat16 autocast.

    Attributes:
        total: The sum of the losses in the last iteration.
    """

    def __init__(self, model: Any, batch: Any, device: str, precision: str) -> None:
        self.model, self.batch = model, batch
        self.kind, self.bf16 = device.partition(":")[0], precision == "bf16"
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.total = torch.zeros(())
        self.optimiser = torch.optim.SGD(trained, lr=0.0, momentum=0.9, weight_decay=1e-4)

    def __call__(self) -> None:
        """Runs the iteration."""
        with torch.autocast(self.kind, torch.bfloat16, enabled=self.bf16):
            losses = self.model.loss(*self.batch)
        self.total, _ = self.model.parse_losses(losses)
        self.total.backward()
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)


def _is_baseline(item: Row) -> bool:
    return bool(item["loss"] == BASELINES[item["detector"]])


def _filled(boxes: torch.Tensor, side: int) -> Any:
    from mmdet.structures.mask import BitmapMasks

    masks = np.zeros((len(boxes), side, side), dtype=np.uint8)
    for mask, (left, top, right, bottom) in zip(masks, boxes.int().tolist(), strict=True):
        mask[top : bottom + 1, left : right + 1] = 1
    return BitmapMasks(masks, side, side)
