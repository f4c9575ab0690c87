"""Where the host would wait for a GPU in a training step, counted on a CPU.

`python -m tests.bench.bench_waits` prints the counts of docs/training-speed.md. It needs no GPU and
measures no time (`tests/pretended_gpu.py`). NMS, RoIAlign and losses are those in PyTorch; with
torchvision and Triton a GPU has their kernels instead.
"""

import argparse
import os
from collections import Counter

from rankdet.losses import device
from rankdet.study.cards import load_loss
from rankdet.study.detectors import load_detector
from rankdet.training import cost, stock
from rankdet.training.environment import set_up

DETECTORS = ("retinanet", "atss", "gfl", "paa", "fcos", "foveabox", "yolact", "solov2")
TWO_STAGE = ("faster-rcnn", "cascade-rcnn", "mask-rcnn")
SIZES = {"image_size": 128, "batch_size": 4, "classes": 7}


def count(detector: str, loss: str, objects: int) -> Counter[str]:
    """Returns the waits of a step of a small detector at each line.

    Args:
        detector: Its name.
        loss: A loss, or a loss with a variant as `ce+l1`.
        objects: Objects in each of the 4 images.
    """
    from rankdet.detectors.models import model_config
    from tests.pretended_gpu import waits_of_a_step

    spec, (name, _, variant) = load_detector(detector, "small"), loss.partition("+")
    classes = [str(index) for index in range(SIZES["classes"])]
    card = load_loss(name).variant(variant)
    model = cost.build_model(model_config(spec, card, preset="small", classes=classes), "cpu")
    cost.OBJECTS = objects
    images, samples = cost.draw_batch(SIZES, "cpu")
    if spec.get("masks"):
        stock.with_masks(samples)
    return waits_of_a_step(model, images, samples)


def main() -> None:
    """Prints a line for each place, and the sum of each detector."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=7, help="objects in each image")
    parser.add_argument("--loss", default="rs", help="the loss, or a loss with a variant: ce+l1")
    parser.add_argument("detectors", nargs="*", default=[*DETECTORS, *TWO_STAGE])
    chosen = parser.parse_args()
    set_up({"device": "cpu", "threads": 1})
    device.on_cpu = lambda values: False
    os.environ |= {"RANKDET_OPS": "pytorch", "RANKDET_KERNELS": "off"}  # their kernels need a GPU
    for detector in chosen.detectors:
        found = count(detector, chosen.loss, chosen.objects)
        print(f"{detector}, {chosen.loss}: {sum(found.values())}")
        for place, times in sorted(found.items()):
            print(f"{times:6}  {place}")


if __name__ == "__main__":
    main()
