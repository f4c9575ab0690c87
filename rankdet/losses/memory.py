"""Resident memory of this process on Linux, for the benchmarks."""

import ctypes
import re
from pathlib import Path


def read(key: str) -> int:
    """Returns a size in /proc/self/status, such as VmRSS or VmHWM (the peak), in bytes.

    Raises:
        OSError: This system has no /proc/self/status, or it does not have this size.
    """
    found = re.search(key + r":\s+(\d+)", Path("/proc/self/status").read_text())
    if found is None:
        raise OSError(f"/proc/self/status has no {key}")
    return int(found[1]) * 1024


def reset_peak() -> int:
    """Resets the peak (VmHWM) and returns the resident memory in bytes.

    Raises:
        OSError: This system does not let a process reset its peak.
        AttributeError: The C library cannot return freed memory.
    """
    ctypes.CDLL(None).malloc_trim(0)  # returns freed memory, which would hide part of the peak
    Path("/proc/self/clear_refs").write_text("5")
    return read("VmRSS")
