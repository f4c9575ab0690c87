"""Names and versions of the machine that is checked."""

import os
from typing import Any

import torch

from rankdet.gpu_check import kernels
from rankdet.losses.device import KERNELS
from rankdet.machine import processor_name
from rankdet.training import provenance


def device_name(device: str) -> str:
    """Returns the name of the card, or of the processor for `cpu`.

    Args:
        device: `cpu` or `cuda:<index>`.
    """
    on_gpu = device.startswith("cuda")
    return torch.cuda.get_device_name(device) if on_gpu else f"cpu {processor_name()}"


def described(device: str) -> dict[str, Any]:
    """Returns `hardware`, `versions` and `commit` of the record.

    Args:
        device: `cpu` or `cuda:<index>`.
    """
    facts = provenance.provenance({"seed": None}, device, provenance.now())
    hardware, versions = facts["hardware"], facts["versions"]
    if device.startswith("cuda"):
        properties = torch.cuda.get_device_properties(device)
        hardware |= {
            "memory_mb": properties.total_memory // (1 << 20),
            "capability": f"{properties.major}.{properties.minor}",
            "multiprocessors": properties.multi_processor_count,
            "tf32_matmul": torch.backends.cuda.matmul.allow_tf32,
            "tf32_convolution": torch.backends.cudnn.allow_tf32,
        }
        versions |= {"cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version()}
    hardware["fused_kernels"] = not kernels.missing(device)
    hardware["kernel_switch"] = os.environ.get(KERNELS)
    return {"hardware": hardware, "versions": versions, "commit": facts["commit"]}
