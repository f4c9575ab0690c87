"""Runs a function in several processes that are connected by gloo, without a port."""

import os
from datetime import timedelta
from pathlib import Path

import torch
from torch import distributed, multiprocessing

PATIENCE = timedelta(minutes=5)  # a loaded machine starts Python slowly


def results_of(function, folder, *arguments, count=2):
    """Returns what `function(rank, *arguments)` returns in each of `count` processes.

    Args:
        function: importable by name; its results are tensors in plain containers.
        folder: an empty folder.
        arguments: as pickle takes them.
        count: how many processes.
    """
    multiprocessing.start_processes(
        _one, (function, str(folder), count, arguments), count, start_method="spawn"
    )
    return [torch.load(f"{folder}/{rank}.pt") for rank in range(count)]


def _one(rank, function, folder, count, arguments):
    if Path("/sys/class/net/lo").exists():
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", f"file://{folder}/store", PATIENCE, count, rank=rank)
    torch.save(function(rank, *arguments), f"{folder}/{rank}.pt")
    distributed.barrier()
    distributed.destroy_process_group()
