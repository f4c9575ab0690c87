"""Sets up a process: threads, device and mmdet's registry. Needed before a model is built."""

import gc
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from rankdet.errors import InputError

# Optional imports of mmdet and mmengine for tracking, plots and ZeRO. They take seconds, and no run
# uses them.
UNUSED = ("seaborn", "sklearn", "torch.distributed.optim")
DRAWS_TRACKS = "mmdet.utils.mot_error_visualize"  # imports matplotlib: .5 s
COLLECTIONS = (700, 10, 10)  # Python's default thresholds for the collection of garbage
LOCKS: list[socket.socket] = []  # held until the process ends


def set_up(spec: dict[str, Any]) -> str:
    """Prepares this process for a run.

    Args:
        spec: A run's spec: its `threads` and `device` (`auto`, `cpu`, `cuda`).

    Returns:
        The device: `cpu` or `cuda:<index>`.
    """
    device = spec.get("device", "auto")
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    with _without_collections():
        _import_everything()
    import torch

    torch.set_num_threads(int(spec.get("threads", 1)))

    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("`device: cuda`, but torch finds no GPU; set `device: auto` or `cpu`")
    if device != "cpu" and torch.cuda.is_available():
        return lock_gpu(torch)
    return "cpu"


def _import_everything() -> None:
    """Imports torch, mmdet and our adapters, and registers all models of mmdet."""
    import cv2

    from rankdet.detectors import ops

    cv2.setNumThreads(0)
    ops.install()
    with _not_importable(*UNUSED), _placeholder(DRAWS_TRACKS, "imshow_mot_errors"):
        from mmdet.utils import register_all_modules

        register_all_modules(init_default_scope=True)


@contextmanager
def _without_collections() -> Iterator[None]:
    """Looks for no garbage in the block: imports make none, and looking takes half a second.

    Afterwards garbage is collected as by default: a training that collects seldom keeps tensors.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.set_threshold(*COLLECTIONS)


@contextmanager
def _not_importable(*names: str) -> Iterator[None]:
    """Makes the import of modules fail that have not been imported yet."""
    absent = [name for name in names if name not in sys.modules]
    for name in absent:
        sys.modules[name] = None  # type: ignore[assignment]  # None makes the import fail
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]


@contextmanager
def _placeholder(name: str, *functions: str) -> Iterator[None]:
    """Replaces a module that has not been imported yet; its functions are None."""
    if name in sys.modules:
        yield
        return
    module = ModuleType(name)
    module.__dict__.update(dict.fromkeys(functions))
    sys.modules[name] = module
    try:
        yield
    finally:
        del sys.modules[name]


def lock_gpu(torch: Any) -> str:
    """Locks the first GPU that no other run on this machine uses.

    Snakemake's `gpu` resource limits the number of jobs, but does not choose their devices. Under a
    launcher, LOCAL_RANK is the device.

    Args:
        torch: The torch module.

    Returns:
        The device, `cuda:<index>`.
    """
    if "LOCAL_RANK" in os.environ:
        index = int(os.environ["LOCAL_RANK"])
    else:
        index = next(
            (i for i in range(torch.cuda.device_count()) if _try_lock(torch, i)),
            os.getpid() % torch.cuda.device_count(),
        )
    torch.cuda.set_device(index)
    return f"cuda:{index}"


def lock_gpus(count: int) -> list[int]:
    """Reserves GPUs of this machine for this process, first those that no other run uses.

    Args:
        count: How many.

    Returns:
        Their indices among the visible ones.

    Raises:
        InputError: If torch sees fewer.
    """
    import torch

    total = torch.cuda.device_count()
    if total < count:
        raise InputError(
            f"gpus: {count} are requested, but torch sees {total} here; set "
            f"`gpus: {max(total, 1)}` (accumulate then keeps the batch size)"
        )
    found: list[int] = []
    for index in range(total):
        if len(found) < count and _try_lock(torch, index):
            found.append(index)
    others = [index for index in range(total) if index not in found]
    return sorted(found + others[: count - len(found)])  # shared if too few are free


def _try_lock(torch: Any, index: int) -> bool:
    """Locks a GPU until the process ends; returns whether it was free.

    The lock is a name in Linux's list of abstract sockets, which all users of the machine share.
    It is no file, so nobody can put a pipe, a link or a file of other content in its place.
    """
    uuid = getattr(torch.cuda.get_device_properties(index), "uuid", index)
    lock = socket.socket(socket.AF_UNIX)
    try:
        lock.bind(f"\0rankdet-gpu-{uuid}")
    except OSError:  # another run has it, or this system has no such sockets
        lock.close()
        return False
    LOCKS.append(lock)
    return True
