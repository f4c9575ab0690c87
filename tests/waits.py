"""Finds where the host would wait for a GPU, on a CPU."""

import traceback

import torch
from torch.utils._python_dispatch import TorchDispatchMode


class Watch(TorchDispatchMode):
    """Records the operations for which the host would have to wait on a GPU.

    Attributes:
        seen: Their names.
        callers: For each, the file and line below `rankdet/` or a library that called it.
    """

    WAITING = ("_local_scalar_dense", "nonzero", "masked_select", "unique", "bincount", "equal")

    def __init__(self):
        super().__init__()
        self.seen, self.callers = [], []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        masked = name in ("index", "index_put_") and any(
            isinstance(i, torch.Tensor) and i.dtype in (torch.bool, torch.uint8)
            for i in args[1]
            if i is not None
        )
        if name.rstrip("2") in self.WAITING or name.startswith("_unique") or masked:
            self.seen.append(name)
            frames = [
                f"{frame.filename}:{frame.lineno}"
                for frame in traceback.extract_stack()[:-1]
                if "/torch/" not in frame.filename
            ]
            self.callers.append(frames[-1])
        return func(*args, **(kwargs or {}))
