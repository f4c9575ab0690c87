"""What makes a training faster without changing what is computed: formats, copies, compilation."""

from collections.abc import Mapping
from typing import Any

import torch
from mmengine.config import ConfigDict

BLOCK = 20  # forward passes of a GPU whose losses are read together


def adapt(model: Any, schedule: Mapping[str, Any]) -> None:
    """Compiles backbone and neck, and stores weights as `channels_last`, if the schedule says so.

    Convolutions with such weights also give their outputs this format.

    Args:
        model: The detector, in place.
        schedule: Its `compile` and `channels_last` are read.
    """
    if schedule.get("channels_last"):
        model.to(memory_format=torch.channels_last)
    if schedule.get("compile"):
        for name in ("backbone", "neck"):
            if hasattr(model, name):
                getattr(model, name).compile()


def block(device: str) -> int:
    """Returns how many passes are read together. A CPU has its results at once."""
    return BLOCK if device.startswith("cuda") else 1


def loader(settings: Mapping[str, Any], device: str) -> dict[str, Any]:
    """Returns a data loader's config. For a GPU, batches are in pinned memory.

    From there they are copied while the host goes on. See `model`.
    """
    return {**settings, "pin_memory": device.startswith("cuda")}


def model(settings: Mapping[str, Any], device: str) -> ConfigDict:
    """Returns a model's config. With a GPU the host does not wait for copies of the batch."""
    own = {**settings["data_preprocessor"], "non_blocking": device.startswith("cuda")}
    return ConfigDict({**settings, "data_preprocessor": own})


def environment(schedule: Mapping[str, Any], device: str) -> dict[str, Any]:
    """Returns mmengine's `env_cfg`: cuDNN tries its algorithms if all images have one size.

    For images of different sizes it would try them again for each size.
    """
    fixed = schedule.get("keep_ratio") is False and not schedule.get("multi_scale")
    on_gpu = device.startswith("cuda")
    return {"cudnn_benchmark": on_gpu and fixed, "dist_cfg": {"backend": "nccl"}}
