"""The machine that this process runs on."""

import platform
from pathlib import Path


def processor_name() -> str:
    """Returns the model name of the processor, as records and estimates compare it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
