"""Reads checkpoint files from other sources. Only weights are read; no code in them is executed."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rankdet.errors import InputError
from rankdet.training.inert import load_inert

WRAPPERS = ("state_dict", "model")  # keys of the weights in such files
# Other objects that mmengine and mmcv save with the weights. They are not used: an inert object
# replaces each name, so that none of their code runs (`getattr` above all).
BESIDE_THE_WEIGHTS = (
    "builtins.getattr",
    "mmengine.config.config.ConfigDict",
    "mmengine.logging.history_buffer.HistoryBuffer",
    "numpy.core.multiarray._reconstruct",
    "numpy.core.multiarray.scalar",
    "numpy._core.multiarray._reconstruct",
    "numpy._core.multiarray.scalar",
    "numpy.ndarray",
    "numpy.dtype",
    *(f"numpy.dtypes.{kind}DType" for kind in ("Float32", "Float64", "Int32", "Int64", "Bool")),
)


class Ignored:
    """Replaces an object that is not a weight."""

    def __init__(self, *_: Any, **__: Any) -> None: ...

    def __setstate__(self, state: Any) -> None: ...


@dataclass(frozen=True)
class CheckpointFile:
    """The content of a checkpoint file.

    Attributes:
        weights: Name -> tensor, as in the file, without the prefix `module.`.
        classes: Class names in the order of the labels; empty if the file does not have them.
        mmdet: The version of mmdet that wrote it; empty if unknown.
    """

    weights: Mapping[str, Any]
    classes: tuple[str, ...] = ()
    mmdet: str = ""


def read_checkpoint(path: Path) -> CheckpointFile:
    """Reads a checkpoint file of mmdet, mmengine or plain PyTorch.

    Raises:
        InputError: If the file cannot be read, has objects that could run code, or has no weights.
    """
    stand_ins = [(Ignored, name) for name in BESIDE_THE_WEIGHTS]
    content = load_inert(path, stand_ins, "save only the weights")
    meta = content.get("meta") if isinstance(content, Mapping) else None
    found = _tensors(_unwrapped(content))
    if not found:
        keys = ", ".join(map(repr, list(content)[:5])) if isinstance(content, Mapping) else ""
        raise InputError(
            f"{path}: no weights in it (found: {keys or type(content).__name__}); give a state "
            "dict, or a file that keeps one under 'state_dict' or 'model'"
        )
    meta = meta if isinstance(meta, Mapping) else {}
    return CheckpointFile(found, _classes(meta), str(meta.get("mmdet_version") or ""))


def _unwrapped(content: Any) -> Any:
    while isinstance(content, Mapping):
        inner = next((content[key] for key in WRAPPERS if key in content), None)
        if not isinstance(inner, Mapping):
            return content
        content = inner
    return content


def _tensors(weights: Any) -> dict[str, Any]:
    import torch

    if not isinstance(weights, Mapping):
        return {}
    return {
        str(name).removeprefix("module."): value
        for name, value in weights.items()
        if isinstance(value, torch.Tensor)
    }


def _classes(meta: Mapping[str, Any]) -> tuple[str, ...]:
    nested = meta.get("dataset_meta")
    places = (meta, nested if isinstance(nested, Mapping) else {})
    found = next((p[k] for p in places for k in ("CLASSES", "classes") if p.get(k)), ())
    return tuple(map(str, found)) if isinstance(found, list | tuple) else ()
