"""The switch between the fused kernels of the losses and their plain PyTorch path."""

import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager

SWITCH = "RANKDET_KERNELS"
PLAIN, FUSED = "plain", "fused"
NOT_BUILT, NEED_GPU = "not built", "fused kernels need a GPU"


def built() -> bool:
    """Returns whether this version of the losses has fused kernels."""
    return importlib.util.find_spec("rankdet.losses.kernels") is not None


def forms() -> tuple[str, ...]:
    """Returns the forms of our losses: `plain`, and `fused` if it is there."""
    return (PLAIN, FUSED) if built() else (PLAIN,)


@contextmanager
def using(form: str) -> Iterator[None]:
    """Makes the losses in the block run in a form, `plain` or `fused`."""
    before = os.environ.get(SWITCH)
    os.environ[SWITCH] = "on" if form == FUSED else "off"
    try:
        yield
    finally:
        if before is None:
            del os.environ[SWITCH]
        else:
            os.environ[SWITCH] = before
