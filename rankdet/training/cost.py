"""What a loss costs: by itself, and in an iteration of a detector; one process, losses in turns.

Machines drift and are shared, so the losses take turns and the best of several rounds counts. The
batch is drawn, not loaded: only its size, the number of objects and the network matter, and with a
network at its start every negative is near the positives, which is a ranking loss's worst case.
"""

import ctypes
import gc
import re
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from rankdet.errors import InputError
from rankdet.results.schemas.cost import CostRecord
from rankdet.training import provenance
from rankdet.training.environment import set_up
from rankdet.training.hooks import criterion_heads

OBJECTS = 7  # a COCO image has 7.3 on average
MEGABYTE = 1 << 20


def measure_cost(spec: Mapping[str, Any]) -> CostRecord:
    """Times losses on detectors.

    Args:
        spec: `entries` (each with `detector`, `loss`, `titles`, `detector_spec`, `card`,
            `loss_file`), `preset`, `image_size`, `batch_size`, `classes`, `rounds`, `threads`,
            `device`.

    Returns:
        The content of `cost.json`, one row per entry. `memory_mb` is the peak of the process in an
        iteration, or of CUDA's allocator.

    Raises:
        InputError: If a detector cannot be trained with boxes alone.
    """
    device = set_up(dict(spec))
    detectors = list(dict.fromkeys(entry["detector"] for entry in spec["entries"]))
    rows: list[dict[str, Any]] = []
    for detector in detectors:
        entries = [entry for entry in spec["entries"] if entry["detector"] == detector]
        rows += _measure_detector(entries, spec, device)
        gc.collect()
    kept = ("preset", "image_size", "batch_size", "classes", "rounds", "threads")
    return CostRecord.of(
        settings={key: spec[key] for key in kept},
        rows=rows,
        hardware=provenance.hardware(device),
        versions=provenance.versions(),
        when=provenance.now(),
    )


def _measure_detector(
    entries: Sequence[Mapping[str, Any]], spec: Mapping[str, Any], device: str
) -> list[dict[str, Any]]:
    models = _models(entries, spec, device)
    batch = draw_batch(spec, device)
    problems = [
        _problems(model, batch, entry) for model, entry in zip(models, entries, strict=True)
    ]
    whole = [partial(_iteration, model, batch, device) for model in models]
    alone = [partial(_criteria, parts, device) for parts in problems]
    memory = [_memory_mb(call, device)[0] for call in whole]  # these calls also warm up
    added = [_memory_mb(call, device)[1] for call in alone]
    iteration_s = turns(whole, int(spec["rounds"]))
    loss_s = turns(alone, 3 * int(spec["rounds"]))
    return [
        {
            "detector": entry["detector"],
            "loss": entry["loss"],
            "titles": entry["titles"],
            "loss_ms": loss_s[i] * 1e3,
            "iteration_s": iteration_s[i],
            "memory_mb": memory[i],
            "loss_memory_mb": added[i],
            "positives": sum(len(arguments[3]) for _, arguments in problems[i]),
            "logits": sum(arguments[0].numel() for _, arguments in problems[i]),
        }
        for i, entry in enumerate(entries)
    ]


def _models(
    entries: Sequence[Mapping[str, Any]], spec: Mapping[str, Any], device: str
) -> list[nn.Module]:
    """One detector per loss, its head as the loss wants it; they share backbone and neck."""
    from mmdet.registry import MODELS

    from rankdet.detectors.models import model_config

    classes = [f"class {index}" for index in range(int(spec["classes"]))]
    models: list[nn.Module] = []
    for entry in entries:
        config = model_config(
            entry["detector_spec"],
            entry["card"],
            preset=spec["preset"],
            classes=classes,
            loss_file=entry["loss_file"],
        )
        config["backbone"]["init_cfg"] = None  # nothing is downloaded for a measurement of time
        torch.manual_seed(0)
        model = MODELS.build(config)
        model.init_weights()
        if models:
            model.backbone, model.neck = models[0].backbone, models[0].neck
        models.append(model.to(device).train())
    return models


def draw_batch(spec: Mapping[str, Any], device: str) -> tuple[Tensor, list[Any]]:
    """Returns images of noise (N, 3, S, S) and mmdet's samples with boxes of all sizes."""
    from mmdet.structures import DetDataSample
    from mmengine.structures import InstanceData

    generator = torch.Generator().manual_seed(1)
    size, count = int(spec["image_size"]), int(spec["batch_size"])
    images = torch.randn(count, 3, size, size, generator=generator).to(device)
    samples = []
    for _ in range(count):
        sides = size * (0.05 + 0.75 * torch.rand(OBJECTS, 2, generator=generator) ** 2)
        corners = torch.rand(OBJECTS, 2, generator=generator) * (size - sides)
        labels = torch.randint(0, int(spec["classes"]), (OBJECTS,), generator=generator)
        boxes = torch.cat([corners, corners + sides], 1)
        shape = {"img_shape": (size, size), "pad_shape": (size, size), "ori_shape": (size, size)}
        sample = DetDataSample(metainfo={**shape, "batch_input_shape": (size, size)})
        sample.gt_instances = InstanceData(bboxes=boxes.to(device), labels=labels.to(device))
        sample.ignored_instances = InstanceData(bboxes=boxes.new_zeros(0, 4).to(device))
        samples.append(sample)
    return images, samples


def _problems(
    model: nn.Module, batch: tuple[Tensor, list[Any]], entry: Mapping[str, Any]
) -> list[tuple[nn.Module, tuple[Any, ...]]]:
    """Returns what each criterion of the model is given for the batch, cut off from the network."""
    taken: list[tuple[nn.Module, tuple[Any, ...]]] = []
    hooks = [
        head.criterion.register_forward_pre_hook(
            lambda module, arguments: taken.append((module, _detached(arguments)))
        )
        for head in criterion_heads(model)
    ]
    try:
        model.loss(*batch)
    except (AttributeError, KeyError) as error:
        raise InputError(
            f"cost: detector {entry['detector']!r} needs more than boxes ({error}); leave it out"
        ) from error
    finally:
        for hook in hooks:
            hook.remove()
    return taken


def _detached(value: Any) -> Any:
    """Copies tensors out of the graph; what had a gradient gets one of its own."""
    if isinstance(value, Tensor):
        return value.detach().clone().requires_grad_(value.requires_grad)
    if isinstance(value, Mapping):
        return {key: _detached(item) for key, item in value.items()}
    return tuple(map(_detached, value)) if isinstance(value, tuple) else value


def _criteria(parts: Sequence[tuple[nn.Module, tuple[Any, ...]]], device: str) -> None:
    for criterion, arguments in parts:
        losses = criterion(*arguments)
        sum(value for name, value in losses.items() if name.startswith("loss")).backward()
        for tensor in (arguments[0], arguments[3]):
            tensor.grad = None
    _wait(device)


def _iteration(model: nn.Module, batch: tuple[Tensor, list[Any]], device: str) -> None:
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimiser = torch.optim.SGD(trained, lr=0.0)  # a step that changes nothing costs as much
    losses = model.loss(*batch)
    parts = (v for name, v in losses.items() if "loss" in name)
    total = sum(sum(part) if isinstance(part, list) else part for part in parts)
    total.backward()
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    _wait(device)


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def turns(calls: Sequence[Callable[[], None]], rounds: int) -> list[float]:
    """Returns the best seconds of each call; each round makes every call once, in turns."""
    best = [float("inf")] * len(calls)
    for _ in range(rounds):
        for index, call in enumerate(calls):
            start = time.perf_counter()
            call()
            best[index] = min(best[index], time.perf_counter() - start)
    return best


def _status(key: str) -> float:
    """A figure of Linux's about this process, in MB."""
    found = re.search(key + r":\s+(\d+)", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else float("nan")


def _forget_peak(device: str) -> float:
    """Makes the peak of memory start anew; returns the MB in use."""
    gc.collect()
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats()
        return torch.cuda.memory_allocated() / MEGABYTE
    ctypes.CDLL(None).malloc_trim(0)  # or freed memory would count as in use
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _memory_mb(call: Callable[[], None], device: str) -> tuple[float | None, float | None]:
    """Peak memory while a call runs, and by how much it exceeds what was in use before.

    Both None where the system does not tell.
    """
    try:
        before = _forget_peak(device)
        call()
        on_gpu = device.startswith("cuda")
        peak = torch.cuda.max_memory_allocated() / MEGABYTE if on_gpu else _status("VmHWM")
    except (OSError, AttributeError):
        return None, None
    return peak, max(0.0, peak - before)
