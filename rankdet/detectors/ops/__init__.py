"""mmcv's compiled half (`mmcv._ext`) in PyTorch, so that mmdet runs without a compiler.

Call `install()` before the first import of `mmcv.ops` or `mmdet.models`:

    >>> from rankdet.detectors import ops
    >>> ops.install()
    >>> import mmdet.models

A compiled mmcv, where there is one, is used instead; torchvision's kernels are used where
torchvision loads. `docs/decisions/001-ops-without-a-compiler.md` says why.
"""

from rankdet.detectors.ops.finder import compiled_extension, install

__all__ = ["backends", "compiled_extension", "install"]

COMPILED, TORCHVISION, PYTORCH = "compiled mmcv", "torchvision", "PyTorch"


def backends() -> dict[str, str]:
    """Says what computes each operation that the benchmark uses.

    Returns:
        Name of the function of `mmcv._ext` -> `compiled mmcv`, `torchvision` or `PyTorch`, on this
        machine's best device. Where torchvision serves, a few variants are PyTorch's still: NMS
        with `offset=1` and RoIAlign with max pooling, which torchvision does not have.
    """
    from rankdet.detectors.ops import vision
    from rankdet.detectors.ops.extension import OPS

    if compiled_extension() is not None:
        return dict.fromkeys(OPS, COMPILED)
    return {name: TORCHVISION if name in vision.served() else PYTORCH for name in OPS}
