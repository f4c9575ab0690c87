"""The machine that this process runs on."""

import os
import platform
import re
from contextlib import suppress
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")  # of a container; "max" if it has none
MOST_THREADS = 1024  # torch crashes if the system cannot start as many as it is asked for
# How many threads libraries use; read when torch or NumPy is imported.
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
CLOCK = re.compile(r"@\s*[\d.]+\s*[GM]Hz")  # "Xeon Processor @ 2.50GHz": not a model
MODEL = re.compile(r"\d{3}")  # a model such as 7763, 8370C, i7-8550U, E5-2670
# What tells processors apart that have the same name, on x86 and on ARM.
DETAILS = {
    "cpu family": "family",
    "model": "model",
    "stepping": "stepping",
    "CPU implementer": "implementer",
    "CPU part": "part",
    "CPU revision": "revision",
}

MOST_LOADERS = 8  # more processes than a GPU needs; each has batches in memory


def loading_processes(threads: int, gpu: bool) -> int:
    """Returns how many processes of a job load images, from its cores.

    With a GPU: one for each core but one, at most 8. On a CPU none: the cores compute, and more
    processes would make them wait for each other.

    Args:
        threads: The job's cores.
        gpu: Whether the job computes on a GPU.
    """
    return min(max(threads - 1, 0), MOST_LOADERS) if gpu else 0


def memory_bytes() -> int | None:
    """Returns the memory of this machine, or of its container; None if the system does not tell."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None
    with suppress(OSError, ValueError):
        return min(total, int(CGROUP_LIMIT.read_text(encoding="ascii")))
    return total


def processor_name() -> str:
    """Returns the model name of the processor, as records and estimates compare it.

    Virtual machines often hide the model: "AMD EPYC" may be one of four generations, which give
    different last digits. Such a name gets the numbers that tell them apart: "AMD EPYC (family 25,
    model 17, stepping 1)".
    """
    try:
        lines = CPUINFO.read_text(encoding="utf-8").split("\n\n")[0].splitlines()
    except OSError:
        lines = []
    pairs = (line.partition(":") for line in lines)
    facts = {name.strip(): value.strip() for name, _, value in pairs}
    name = facts.get("model name") or platform.processor() or platform.machine()
    if MODEL.search(CLOCK.sub("", name)):
        return name
    details = ", ".join(f"{word} {facts[key]}" for key, word in DETAILS.items() if key in facts)
    return f"{name} ({details})" if details else name
