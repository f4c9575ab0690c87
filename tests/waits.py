"""Finds where the host would wait for a GPU, on a CPU."""

import traceback
from contextlib import contextmanager

import torch
from torch.utils._python_dispatch import TorchDispatchMode

WAITING = ("_local_scalar_dense", "nonzero", "masked_select", "unique", "unique_consecutive")
WAITING += ("bincount", "equal")
BY_MASK = ("index", "index_put", "index_put_", "_index_put_impl_")
# mmdet has a kernel for GPUs in this place; on a CPU it takes another path.
ON_CPU_ONLY = ("mmdet/models/losses/focal_loss.py",)


class Watch(TorchDispatchMode):
    """Records the operations for which the host would have to wait on a GPU.

    Attributes:
        seen: Their names.
        callers: For each, the file and line below `rankdet/` or a library that called it.
    """

    def __init__(self):
        super().__init__()
        self.seen, self.callers = [], []
        self._paused = False

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        if not self._paused and _waits(name, args, kwargs or {}):
            self.add(name)
        return func(*args, **(kwargs or {}))

    def add(self, name):
        """Records an operation at the line that is executed."""
        frames = [
            f"{frame.filename}:{frame.lineno}"
            for frame in traceback.extract_stack()[:-1]
            if "/torch/" not in frame.filename
            and not frame.filename.endswith(("/tests/waits.py", "/tests/pretended_gpu.py"))
        ]
        if not any(place in frames[-1] for place in ON_CPU_ONLY):
            self.seen.append(name)
            self.callers.append(frames[-1])

    @contextmanager
    def paused(self):
        """Records nothing: what is computed is on the host."""
        before, self._paused = self._paused, True
        try:
            yield
        finally:
            self._paused = before


def _waits(name, args, kwargs):
    """Whether the host needs a value of the result, or its length."""
    if name == "repeat_interleave":
        return kwargs.get("output_size") is None
    if name in BY_MASK:
        masked = any(
            isinstance(i, torch.Tensor) and i.dtype in (torch.bool, torch.uint8) for i in args[1]
        )
        # One number, which Python gives on the host, is filled in without counting.
        return masked and not (name != "index" and args[2].dim() == 0)
    return name.rstrip("2") in WAITING or name.startswith("_unique")
