"""Process set-up for adapters, and the two backends of mmcv's operations."""

import pytest

from rankdet.detectors.ops import vision
from rankdet.training.environment import set_up


@pytest.fixture(scope="module")
def environment():
    """One thread on the CPU, and mmdet's registry."""
    set_up({"device": "cpu", "threads": 1})


@pytest.fixture(params=["pytorch", "torchvision"])
def backend(request, monkeypatch):
    """Each backend of an operation; torchvision's kernels are used on the CPU, too."""
    if request.param == "pytorch":
        monkeypatch.setenv("RANKDET_OPS", "pytorch")
    elif vision.kernels() is None:
        pytest.skip("torchvision is not installed or does not load")
    else:
        monkeypatch.setattr(vision, "gpu_kernels", lambda _: vision.kernels())
    return request.param
