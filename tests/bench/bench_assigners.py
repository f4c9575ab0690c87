"""Times matching by IoU and sampling of one image on a CPU: mmdet's classes and ours.

`python -m tests.bench.bench_assigners` takes both in turns, in one process with one thread. Numbers
are medians of the processor time; the ratio is the median of the ratios of the turns.
"""

import time
from statistics import median
from typing import Any

import torch

from rankdet.losses import device, turns
from rankdet.study.cards import load_loss
from rankdet.study.detectors import load_detector
from rankdet.training import cost
from rankdet.training.environment import set_up

TURNS = 41
CASES = (
    ("retinanet", "small", 128),
    ("yolact", "small", 128),
    ("faster-rcnn", "small", 128),
    ("retinanet", "full", 512),
    ("yolact", "full", 550),
    ("paa", "full", 512),
    ("faster-rcnn", "full", 512),
)


def parts(detector: str, preset: str, size: int) -> tuple[torch.Tensor, dict[str, Any]]:
    """Returns the anchors of an image and the options of the first assigner of a detector."""
    from mmdet.registry import TASK_UTILS

    from rankdet.detectors.models import model_config

    card = load_loss("alrp").variant("")
    model = model_config(load_detector(detector, preset), card, preset=preset, classes=["a"] * 80)
    head = model.get("bbox_head") or model["rpn_head"]
    generator = TASK_UTILS.build(head["anchor_generator"])
    sizes = [(-(-size // down), -(-size // across)) for across, down in generator.strides]
    settings = model["train_cfg"].get("rpn") or model["train_cfg"]
    options = {key: value for key, value in settings["assigner"].items() if key != "type"}
    return torch.cat(generator.grid_priors(sizes, device="cpu")), options


def measure(detector: str, preset: str, size: int, objects: int) -> list[list[float]]:
    """Returns the seconds of each turn of mmdet's classes and of ours."""
    from mmdet.models.task_modules.assigners import MaxIoUAssigner
    from mmdet.models.task_modules.samplers import PseudoSampler
    from mmengine.structures import InstanceData

    from rankdet.detectors.assigners import EverySample, MatchAllAtOnce

    anchors, options = parts(detector, preset, size)
    cost.OBJECTS = objects
    spec = {"image_size": size, "batch_size": 1, "classes": 80}
    truth = cost.draw_batch(spec, "cpu")[1][0].gt_instances
    boxes = InstanceData(priors=anchors)

    def call(assigner: Any, sampler: Any) -> Any:
        return lambda: sampler.sample(assigner.assign(boxes, truth), boxes, truth)

    calls = [
        call(MaxIoUAssigner(**options), PseudoSampler()),
        call(MatchAllAtOnce(**options), EverySample()),
    ]
    return turns.alternating(calls, TURNS, time.process_time, warm_up=2)


def main() -> None:
    """Prints a line for each case."""
    set_up({"device": "cpu", "threads": 1})
    for path in ("on a CPU", "as on a GPU"):
        if path == "as on a GPU":
            device.on_cpu = lambda values: False
        for case in CASES:
            for objects in (1, 7):
                theirs, ours = measure(*case, objects)
                ratio = median(own / other for own, other in zip(ours, theirs, strict=True))
                times = f"{median(theirs) * 1e3:7.2f} ms, ours {median(ours) * 1e3:7.2f} ms"
                print(path, *case, f"objects {objects}: mmdet {times}, ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
