"""What the processes of one training do together: exchange small objects, and agree on buffers."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from mmengine.hooks import Hook
from torch import distributed
from torch.nn.modules.batchnorm import _NormBase as NormBase

from rankdet.losses.processes import mean_over_processes, process_count

PATIENCE = timedelta(hours=1)  # of a process that waits for others: they may read a slow disk


def rank() -> int:
    """Returns this process's number; 0 if there is only one process."""
    return distributed.get_rank() if process_count() > 1 else 0


def is_main() -> bool:
    """Returns whether this process writes the run's files."""
    return rank() == 0


def connect(device: str) -> None:
    """Connects this process to the others: NCCL between GPUs, gloo between CPUs.

    The launcher has set where they meet (`MASTER_ADDR`, `RANK` and so on).
    """
    if Path("/sys/class/net/lo").exists():
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # all processes are on this machine
    backend = "nccl" if device.startswith("cuda") else "gloo"
    distributed.init_process_group(backend, timeout=PATIENCE)
    _objects()


@lru_cache
def _objects() -> Any:
    """The group that exchanges objects: always gloo, so that no GPU is involved."""
    return distributed.new_group(backend="gloo", timeout=PATIENCE)


def disconnect() -> None:
    """Waits for the others, then leaves."""
    distributed.barrier(group=_objects())
    _objects.cache_clear()
    distributed.destroy_process_group()


def from_main(value: Any) -> Any:
    """Returns the main process's value in every process; waits for it."""
    if process_count() == 1:
        return value
    values = [value]
    distributed.broadcast_object_list(values, src=0, group=_objects())
    return values[0]


def of_all(value: Any) -> list[Any]:
    """Returns the values of all processes, by rank."""
    if process_count() == 1:
        return [value]
    values: list[Any] = [None] * process_count()
    distributed.all_gather_object(values, value, group=_objects())
    return values


@contextmanager
def main_first() -> Iterator[None]:
    """Runs a block in the main process, and then in the others."""
    if not is_main():
        from_main(None)
    yield
    if is_main():
        from_main(None)


def average_norms(model: torch.nn.Module) -> None:
    """Sets the running statistics of all norms to their means over all processes, in place."""
    for module in model.modules():
        if isinstance(module, NormBase):
            for values in (module.running_mean, module.running_var):
                if values is not None:
                    values.copy_(mean_over_processes(values))


def own_buffers(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Returns copies of the buffers that differ between processes, by name: all but the norms'."""
    norms = {
        f"{name}.{buffer}"
        for name, module in model.named_modules()
        if isinstance(module, NormBase)
        for buffer, _ in module.named_buffers(recurse=False)
    }
    saved = model.state_dict().keys()
    return {
        name: values.detach().cpu().clone()
        for name, values in model.named_buffers()
        if name in saved and name not in norms
    }


class ProcessBuffersHook(Hook):
    """Keeps what differs between the processes, so that a resumed run equals an unbroken one.

    Statistics of norms become their means at the end of each epoch. Other buffers (self-balance,
    GHM's counts) stay different in each process; checkpoints have those of all processes.
    """

    priority = "NORMAL"  # after the end of an epoch is announced, before a checkpoint is written

    def __init__(self) -> None:
        self.buffers: list[Mapping[str, torch.Tensor]] = []

    def after_train_epoch(self, runner: Any) -> None:
        """Averages the norms, and collects the other buffers in every process."""
        model = runner.model.module
        average_norms(model)
        self.buffers = of_all(own_buffers(model))

    def before_save_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        """Adds the buffers of all processes."""
        checkpoint["buffers_of_processes"] = [dict(buffers) for buffers in self.buffers]

    def after_load_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        """Loads the buffers of this process."""
        buffers = checkpoint.pop("buffers_of_processes", None)
        if buffers:
            checkpoint["state_dict"].update(buffers[rank()])
