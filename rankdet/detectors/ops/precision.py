"""Number formats: half precision is computed in float32, with and without autocast."""

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def wide(tensor: Tensor) -> Tensor:
    """Returns a float16 or bfloat16 tensor as float32, and any other tensor unchanged."""
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor


def without_autocast(function: Callable[..., Any]) -> Callable[..., Any]:
    """Disables autocast inside `function`; a compiled kernel does not see autocast either.

    The device is that of the first argument, which must be a tensor.
    """

    @functools.wraps(function)
    def wrapper(first: Tensor, *args: Any, **kwargs: Any) -> Any:
        with torch.autocast(first.device.type, enabled=False):
            return function(first, *args, **kwargs)

    return wrapper
