"""mmcv's compiled module `mmcv._ext` in PyTorch, so that mmdet runs without a compiler.

Call `install()` before the first import of `mmcv.ops` or `mmdet.models`:

    >>> from rankdet.detectors import ops
    >>> ops.install()
    >>> import mmdet.models

If a compiled mmcv is installed, it is used instead. If torchvision is installed and loads, some of
its kernels are used. `docs/decisions/001-ops-without-a-compiler.md` gives the reasons.
"""

from rankdet.detectors.ops.finder import compiled_extension, install

__all__ = ["backends", "compiled_extension", "install"]

COMPILED, TORCHVISION, PYTORCH = "compiled mmcv", "torchvision", "PyTorch"


def backends() -> dict[str, str]:
    """Returns the implementation of each operation that the benchmark uses.

    Returns:
        Name of a function of `mmcv._ext` -> `compiled mmcv`, `torchvision` or `PyTorch`, on this
        machine's best device. Two variants are always computed in PyTorch, because torchvision does
        not have them: NMS with `offset=1` and RoIAlign with max pooling.
    """
    from rankdet.detectors.ops import vision
    from rankdet.detectors.ops.extension import OPS

    if compiled_extension() is not None:
        return dict.fromkeys(OPS, COMPILED)
    return {name: TORCHVISION if name in vision.served() else PYTORCH for name in OPS}
