"""Time and memory of a loss: alone, and in a training iteration of a detector.

The speed of a shared machine changes with time. Therefore the losses are timed in turns in one
process, and the best of several rounds counts. With one thread on a CPU, the times are those of the
process (`rankdet.losses.turns`): other programs do not count. The batch is drawn, not loaded: only
its size, the number of objects and the network matter. With initial weights every negative is
relevant, which is the worst case for a ranking loss.
"""

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from mmengine.logging import MMLogger
from torch import Tensor, nn

from rankdet.errors import InputError
from rankdet.losses import memory, turns
from rankdet.results.schemas.cost import CostRecord
from rankdet.training import provenance
from rankdet.training.environment import set_up
from rankdet.training.hooks import criterion_heads

OBJECTS = 7  # objects per image; COCO has 7.3 on average
MEGABYTE = 1 << 20
LOSS_ROUNDS = 3  # of the losses alone, in each round: they take less time


def measure_cost(
    spec: Mapping[str, Any], keep: Callable[[CostRecord], None] = lambda record: None
) -> CostRecord:
    """Measures time and memory of losses on detectors.

    Args:
        spec: `entries` (each with `detector`, `loss`, `titles`, `detector_spec`, `card`,
            `loss_file`), `preset`, `image_size`, `batch_size`, `classes`, `rounds`, `threads`,
            `device`.
        keep: Gets the record of what has been measured, after each round.

    Returns:
        The content of `cost.json`, one row per entry. `memory_mb` is the peak of the process in an
        iteration, or of CUDA's allocator.

    Raises:
        InputError: If a detector cannot be trained with boxes alone.
    """
    device = set_up(dict(spec))
    clock = turns.clock_name(int(spec["threads"]), device)
    kept = ("preset", "image_size", "batch_size", "classes", "rounds", "threads")
    facts = {
        "settings": {**{key: spec[key] for key in kept}, "clock": clock},
        "hardware": provenance.hardware(device),
        "versions": provenance.versions(),
        "when": provenance.now(),
    }
    detectors = list(dict.fromkeys(entry["detector"] for entry in spec["entries"]))
    done: list[dict[str, Any]] = []
    for detector in detectors:
        entries = [entry for entry in spec["entries"] if entry["detector"] == detector]
        rows: list[dict[str, Any]] = []
        for rows in _measure_detector(entries, spec, device, clock):
            keep(CostRecord.of(**facts, rows=done + rows))
        done += rows
        gc.collect()
    return CostRecord.of(**facts, rows=done)


def _measure_detector(
    entries: Sequence[Mapping[str, Any]], spec: Mapping[str, Any], device: str, clock: str
) -> Iterator[list[dict[str, Any]]]:
    """Yields the rows of a detector after each round, with the best times up to then."""
    models = _models(entries, spec, device)
    batch = draw_batch(spec, device)
    problems = [
        _problems(model, batch, entry) for model, entry in zip(models, entries, strict=True)
    ]
    whole = [partial(_iteration, model, batch, device) for model in models]
    alone = [partial(_criteria, parts, device) for parts in problems]
    peaks = [_memory_mb(call, device)[0] for call in whole]  # these calls also warm up
    added = [_memory_mb(call, device)[1] for call in alone]
    rows = [
        {
            "detector": entry["detector"],
            "loss": entry["loss"],
            "titles": entry["titles"],
            "loss_ms": float("inf"),
            "iteration_s": float("inf"),
            "memory_mb": peaks[i],
            "loss_memory_mb": added[i],
            "positives": sum(len(arguments[3]) for _, arguments in problems[i]),
            "logits": sum(arguments[0].numel() for _, arguments in problems[i]),
        }
        for i, entry in enumerate(entries)
    ]
    for number in range(int(spec["rounds"])):
        iteration_s = turns.alternating(whole, 1, turns.CLOCKS[clock])
        loss_s = turns.alternating(alone, LOSS_ROUNDS, turns.CLOCKS[clock])
        for row, whole_s, alone_s in zip(rows, iteration_s, loss_s, strict=True):
            row["iteration_s"] = min(row["iteration_s"], *whole_s)
            row["loss_ms"] = min(row["loss_ms"], *(second * 1e3 for second in alone_s))
            row["rounds"] = number + 1
        yield rows


def _models(
    entries: Sequence[Mapping[str, Any]], spec: Mapping[str, Any], device: str
) -> list[Any]:
    """Returns one detector per loss. They share backbone and neck."""
    from rankdet.detectors.models import model_config

    classes = [f"class {index}" for index in range(int(spec["classes"]))]
    models: list[Any] = []
    for entry in entries:
        config = model_config(
            entry["detector_spec"],
            entry["card"],
            preset=spec["preset"],
            classes=classes,
            loss_file=entry["loss_file"],
        )
        model = build_model(config, device)
        if models:
            model.backbone, model.neck = models[0].backbone, models[0].neck
        models.append(model)
    return models


def build_model(config: Any, device: str) -> Any:
    """Returns a detector in training mode. Its weights are drawn with one seed, not downloaded.

    Args:
        config: mmdet's model config; its backbone loses `init_cfg`.
        device: As `environment.set_up` returned it.
    """
    from mmdet.registry import MODELS

    MMLogger.get_current_instance().setLevel("WARNING")  # it has a line for each parameter
    config["backbone"]["init_cfg"] = None
    torch.manual_seed(0)
    model = MODELS.build(config)
    model.init_weights()
    return model.to(device).train()


def draw_batch(spec: Mapping[str, Any], device: str) -> tuple[Tensor, list[Any]]:
    """Returns noise images (N, 3, S, S) and mmdet's data samples with boxes of all sizes."""
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
    model: Any, batch: tuple[Tensor, list[Any]], entry: Mapping[str, Any]
) -> list[tuple[nn.Module, tuple[Any, ...]]]:
    """Returns each criterion of the model with its arguments for the batch, without the graph."""
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
    """Returns copies of tensors outside of the graph. Those with a gradient become leaves."""
    if isinstance(value, Tensor):
        return value.detach().clone().requires_grad_(value.requires_grad)
    if isinstance(value, Mapping):
        return {key: _detached(item) for key, item in value.items()}
    return tuple(map(_detached, value)) if isinstance(value, tuple) else value


def _criteria(parts: Sequence[tuple[nn.Module, tuple[Any, ...]]], device: str) -> None:
    for criterion, arguments in parts:
        losses = criterion(*arguments)
        values = [value for name, value in losses.items() if name.startswith("loss")]
        torch.stack(values).sum().backward()
        for tensor in (arguments[0], arguments[3]):
            tensor.grad = None
    wait(device)


def _iteration(model: Any, batch: tuple[Tensor, list[Any]], device: str) -> None:
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimiser = torch.optim.SGD(trained, lr=0.0)  # a step without change takes the same time
    total, _ = model.parse_losses(model.loss(*batch))
    total.backward()
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    wait(device)


def wait(device: str) -> None:
    """Waits until a GPU has finished; a CPU has."""
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def _reset_peak(device: str) -> int:
    """Resets the peak memory; returns the bytes in use."""
    gc.collect()
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats()
        return torch.cuda.memory_allocated()
    return memory.reset_peak()


def _memory_mb(call: Callable[[], None], device: str) -> tuple[float | None, float | None]:
    """Returns the peak memory of a call, and its difference to the memory before, in MB.

    Both are None if the system cannot measure them.
    """
    try:
        before = _reset_peak(device)
        call()
        on_gpu = device.startswith("cuda")
        peak = torch.cuda.max_memory_allocated() if on_gpu else memory.read("VmHWM")
    except (OSError, AttributeError):
        return None, None
    return peak / MEGABYTE, max(0.0, (peak - before) / MEGABYTE)
