"""A loss as one operator of PyTorch, so that ``torch.compile(fullgraph=True)`` accepts it.

PyTorch has `torch.library.custom_op` from version 2.4. With an older one, compiled code calls the
loss outside its graph, which is the same result with a graph break.
"""

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch import Tensor

from rankdet.losses.ranks import gradient_dtype

REGISTERS = hasattr(torch.library, "custom_op")


def is_compiling() -> bool:
    """Whether `torch.compile` traces the code that asks."""
    ask = getattr(getattr(torch, "compiler", None), "is_compiling", None)
    return bool(ask()) if ask is not None else False


def kept_eager(method: Callable[..., Any]) -> Callable[..., Any]:
    """Keeps a function out of compiled graphs, as `torch.compiler.disable` does.

    `torch.compiler.disable` loads the compiler when it decorates, which adds a second to every
    start. Here it is called only after the compiler has been loaded for another reason.
    """

    @wraps(method)
    def call(*args: Any) -> Any:
        dynamo = sys.modules.get("torch._dynamo")
        return method(*args) if dynamo is None else dynamo.disable(method)(*args)

    return call


def ranking_op(name: str, n_losses: int = 1) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Returns a decorator that registers a function as PyTorch operator ``rankdet::name``.

    The first argument of the function is the logits. It returns `n_losses` scalars and then
    `n_losses` gradients in the shape of the logits.
    """

    def shapes(logits: Tensor, *rest: Any) -> tuple[Tensor, ...]:
        dtype = gradient_dtype(logits)
        losses = [logits.new_empty((), dtype=dtype) for _ in range(n_losses)]
        gradients = [torch.empty_like(logits, dtype=dtype) for _ in range(n_losses)]
        return (*losses, *gradients)

    return lambda function: operator(name, function, shapes)


def operator(
    name: str, function: Callable[..., Any], shapes: Callable[..., tuple[Tensor, ...]]
) -> Callable[..., Any]:
    """Returns a function that calls the operator in compiled code, and else the function itself.

    Calling a function takes the host less time than calling an operator.

    Args:
        name: the operator's name, after ``rankdet::``.
        function: the function; it is called without recording gradients.
        shapes: makes empty results from the same arguments.
    """
    direct = torch.no_grad()(function)
    if not REGISTERS:
        return kept_eager(direct)
    registered = torch.library.custom_op(f"rankdet::{name}", function, mutates_args=())
    registered.register_fake(shapes)

    @wraps(function)
    def call(*args: Any) -> Any:
        return registered(*args) if is_compiling() else direct(*args)

    return call
