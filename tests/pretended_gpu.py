"""A GPU that is only pretended, on a CPU: which tensors would be on it, and which copies wait.

A copy between the host's pageable memory and a GPU waits until the GPU has done all its work. Such
copies are `.cpu()`, but also `torch.tensor(1.0, device="cuda")` and an index that is on the host.
"""

import copy
from collections import Counter
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_flatten, tree_map

from tests.waits import Watch

GPU, CPU = torch.device("cuda", 0), torch.device("cpu")
FROM_HOST = (torch.tensor, torch.as_tensor)  # they copy numbers and lists
TO_HOST = (Tensor.cpu, Tensor.tolist, Tensor.numpy, Tensor.__array__)
BY_INDEX = (Tensor.__getitem__, Tensor.__setitem__)
FACTS = {
    Tensor.device.__get__: lambda here: GPU if here else CPU,
    Tensor.is_cuda.__get__: lambda here: here,
    Tensor.is_cpu.__get__: lambda here: not here,
    Tensor.get_device: lambda here: 0 if here else -1,
}


class OnGpu(Tensor):
    """A tensor in the host's memory that says it is on a GPU, as do results made from it."""


def on_gpu(tensor: Tensor) -> Tensor:
    """Returns the same values as a tensor that says it is on the GPU."""
    return tensor.as_subclass(OnGpu)


class PretendedGpu(TorchFunctionMode):
    """Makes `device="cuda"` give tensors that say they are on a GPU; a watch records the waits.

    Parameters of a model stay on the host, and no operation notices it.

    Args:
        watch: Records the operations and copies for which the host waits.
    """

    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self.watch = watch

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        first = args[0] if args else None
        here = isinstance(first, OnGpu)
        if func in FACTS:
            return FACTS[func](here)
        if func is Tensor.__deepcopy__ and here:
            return on_gpu(copy.deepcopy(_plain(first), args[1]))
        if func in TO_HOST and here:
            self.watch.add(func.__name__)
            return func(_plain(first), *args[1:], **kwargs)
        goes = _goes(func, args, kwargs)
        if goes:
            args, kwargs = tree_map(lambda v: CPU if _is_gpu(v) else v, (args, kwargs))
        if func is Tensor.to and goes is not None:
            return self._moved(func, here, goes, args, kwargs)
        if (func in FROM_HOST and goes and not here) or (func is Tensor.new_tensor and here):
            self.watch.add(func.__name__)
        if func in BY_INDEX and here:
            args = (first, self._index(args[1]), *args[2:])
        if any(isinstance(v, OnGpu) for v in tree_flatten((args, kwargs))[0]):
            return func(*args, **kwargs)
        with self.watch.paused():  # it is all on the host
            found = func(*args, **kwargs)
        return tree_map(lambda v: on_gpu(v) if type(v) is Tensor else v, found) if goes else found

    def _moved(self, func, here, goes, args, kwargs):
        if goes == here:
            return func(*args, **kwargs)
        if not kwargs.get("non_blocking"):
            self.watch.add("to")
        found = _plain(func(*args, **kwargs))
        return on_gpu(found) if goes else found

    def _index(self, index):
        """Returns an index of a tensor on the GPU; parts of it that are on the host are copied."""
        if isinstance(index, tuple):
            return tuple(
                self._index(part) if not isinstance(part, tuple) else part for part in index
            )
        if isinstance(index, list):
            self.watch.add("index of the host")
        if isinstance(index, Tensor) and not isinstance(index, OnGpu):
            if index.dim() == 0 and index.dtype is torch.int64:
                return int(index.numpy())  # one number is read on the host
            self.watch.add("index of the host")
        return index


def _plain(tensor: Tensor) -> Tensor:
    return tensor.as_subclass(Tensor)


def _is_gpu(value: Any) -> bool:
    return (isinstance(value, torch.device) and value.type == "cuda") or (
        isinstance(value, str) and value.startswith("cuda")
    )


def _goes(func: Any, args: tuple, kwargs: dict) -> bool | None:
    """Returns whether a call asks for the GPU; None if it names no device."""
    if func is Tensor.to and len(args) > 1 and isinstance(args[1], Tensor):
        return isinstance(args[1], OnGpu)
    named = [v for v in (*args, *kwargs.values()) if isinstance(v, torch.device) or _is_gpu(v)]
    named += [v for v in (*args, kwargs.get("device")) if isinstance(v, str) and v == "cpu"]
    return _is_gpu(named[0]) if named else None


def waits_of_a_step(model: torch.nn.Module, images: Tensor, samples: list[Any]) -> Counter[str]:
    """Returns how often the host waits in a training step after the first, at each line.

    A step is the forward pass, the losses, the backward pass and SGD. In the backward pass
    operations are seen, but no copies.

    Args:
        model: A detector in training mode, which is changed.
        images: The batch (N, 3, H, W).
        samples: mmdet's data samples of the batch, which are changed.

    Returns:
        Lines such as `mmdet/models/x.py:7`, each with its number of waits.
    """
    _put_on_gpu(model, samples)
    watch, trained = Watch(), [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.SGD(trained, lr=1e-6, momentum=0.9, fused=True)
    with PretendedGpu(watch), watch:
        for _ in range(2):
            watch.callers.clear()
            total, _ = model.parse_losses(model.loss(on_gpu(images), samples))
            total.backward()
            optimiser.step()
            optimiser.zero_grad()
    return Counter(_short(caller) for caller in watch.callers)


def _put_on_gpu(model: torch.nn.Module, samples: list[Any]) -> None:
    for module in model.modules():
        for name, value in list(module.named_buffers(recurse=False)):
            setattr(module, name, on_gpu(value))
    for sample in samples:
        for part in (sample.gt_instances, sample.ignored_instances):
            for name in {"bboxes", "labels"} & set(part.keys()):
                setattr(part, name, on_gpu(getattr(part, name)))


def _short(caller: str) -> str:
    if "site-packages/" in caller:
        return caller.rpartition("site-packages/")[2]
    return f"rankdet/{caller.rpartition('/rankdet/')[2]}"
