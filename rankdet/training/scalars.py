"""Scalars that stay on the device until many of them are read at once.

To read a scalar, the host waits until the device has computed it. Then the device waits for the
host. So the record keeps tensors, and reads those of several iterations in one copy.
"""

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

Scalar = float | Tensor  # a number, or a tensor with one element
Moment = Any  # of a clock: seconds of the host, or a CUDA event


def on_host(rows: Sequence[Mapping[str, Scalar]]) -> list[dict[str, float]]:
    """Returns rows in which tensors are replaced by numbers. There is one copy for each device.

    Args:
        rows: Numbers, and tensors with one element; no tensor has a gradient.

    Returns:
        Floats, and integers for tensors of integers. All values are exact: float64 contains every
        float32 and every count.
    """
    tensors = [value for row in rows for value in row.values() if isinstance(value, Tensor)]
    numbers = iter(_read(tensors))
    return [
        {name: next(numbers) if isinstance(value, Tensor) else value for name, value in row.items()}
        for row in rows
    ]


def _read(tensors: Sequence[Tensor]) -> list[float]:
    kinds: dict[torch.device, dict[torch.dtype, list[int]]] = defaultdict(lambda: defaultdict(list))
    for place, tensor in enumerate(tensors):
        kinds[tensor.device][tensor.dtype].append(place)
    found = [0.0] * len(tensors)
    for groups in kinds.values():
        parts = [
            torch.stack([tensors[place].reshape(()) for place in places]).double()
            for places in groups.values()
        ]
        places = [place for group in groups.values() for place in group]
        for place, number in zip(places, torch.cat(parts).tolist(), strict=True):
            found[place] = number if tensors[place].is_floating_point() else int(number)
    return found


class Clock:
    """Measures the time between moments of a training: of the host, or of a GPU.

    The host is ahead of a GPU. Therefore a moment is an event in the GPU's stream there, and its
    time is known when the GPU has reached it.

    Args:
        device: As `environment.set_up` returned it.
    """

    def __init__(self, device: str) -> None:
        self.on_gpu = device.startswith("cuda")

    def now(self) -> Moment:
        """Returns this moment. The host does not wait."""
        if not self.on_gpu:
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def seconds(self, start: Moment, end: Moment) -> float:
        """Returns the time between two moments; on a GPU, both must be over."""
        return float(start.elapsed_time(end) / 1e3 if self.on_gpu else end - start)
