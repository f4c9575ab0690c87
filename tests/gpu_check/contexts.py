"""Contexts of parts at tiny size on the CPU, and parts that fail or take too long."""

import time
from pathlib import Path

from rankdet.gpu_check.budget import Budget, Context
from rankdet.gpu_check.parts import PartOfCheck


def context(folder: Path, seconds: float = 60.0) -> Context:
    return Context("cpu", "tiny", Budget(seconds), folder / "check.log", folder)


class Made(PartOfCheck):
    """A part with a function that a test gives."""

    def load(self):
        return FUNCTIONS[self.function]


FUNCTIONS = {}


def part(name, function, share=1.0):
    FUNCTIONS[name] = function
    return Made(name, f"Part {name}", share, "none", name, needs_mmdet=False)


def good(context):
    yield {"loss": "ap", "status": "measured", "ms": 1.5}
    yield {"loss": "alrp", "status": "measured", "ms": float("inf")}


def failing(context):
    yield {"loss": "ap", "status": "measured", "ms": 2.0}
    raise RuntimeError("no such kernel\nand more lines")


def endless(context):
    yield {"loss": "ap", "status": "measured", "ms": 3.0}
    while True:
        time.sleep(0.01)
