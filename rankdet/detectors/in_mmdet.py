"""The heads and losses for stock mmdet 3.3 configs, in mmengine's scope ``rankdet``.

A config imports this module and changes the type of its head::

    custom_imports = dict(imports=["rankdet.detectors.in_mmdet"])
    model = dict(bbox_head=dict(
        type="rankdet.RetinaHead",
        criterion=dict(
            classification=dict(type="RankSortLoss"),
            box=dict(type="giou", weighting="score"),
            balance=dict(type="self-iteration"))))

docs/recipes/mmdet.md has more. Importing it registers the types; nothing else changes.
"""

import importlib
from typing import Any

from rankdet.detectors import ops

ops.install()  # a compiled mmcv stays in use; mmcv-lite gets its operations

from mmengine.hooks import Hook  # noqa: E402
from mmengine.registry import HOOKS as ROOT_HOOKS  # noqa: E402
from mmengine.registry import MODELS as ROOT_MODELS  # noqa: E402
from mmengine.registry import Registry  # noqa: E402
from torch import nn  # noqa: E402

from rankdet.detectors.batch_losses import batch_loss  # noqa: E402
from rankdet.detectors.criterion_head import CriterionHead  # noqa: E402
from rankdet.errors import InputError  # noqa: E402
from rankdet.losses import Balance  # noqa: E402

SCOPE = "rankdet"
MODELS = Registry("model", parent=ROOT_MODELS, scope=SCOPE)
HOOKS = Registry("hook", parent=ROOT_HOOKS, scope=SCOPE)
# mmdet's head -> our module and class. PAA needs scikit-learn, as mmdet's own does.
HEADS = {
    "RetinaHead": ("rankdet.detectors.dense_anchor", "CriterionRetinaHead"),
    "ATSSHead": ("rankdet.detectors.dense_anchor", "CriterionATSSHead"),
    "FCOSHead": ("rankdet.detectors.dense_point", "CriterionFCOSHead"),
    "FoveaHead": ("rankdet.detectors.dense_point", "CriterionFoveaHead"),
    "GFLHead": ("rankdet.detectors.gfl", "CriterionGFLHead"),
    "PAAHead": ("rankdet.detectors.paa", "CriterionPAAHead"),
}
OF_LABELS = ("APLoss", "NDCGLoss", "PairwiseErrorLoss", "DRLoss")  # losses that need no boxes
OF_BOXES = ("ALRPLoss", "RankSortLoss", "APELoss")
PARTS = ("classification", "box", "balance")


def _head(name: str) -> type[nn.Module] | None:
    """Returns our head under the name of mmdet's; None if a package that it needs is missing."""
    module, kind = HEADS[name]
    try:
        base: type[CriterionHead] = getattr(importlib.import_module(module), kind)
    except ModuleNotFoundError:
        return None

    def __init__(self: Any, *args: Any, criterion: Any = None, **kwargs: Any) -> None:
        base.__init__(self, *args, criterion=_criterion(name, criterion), **kwargs)

    return type(name, (base,), {"__init__": __init__, "__doc__": base.__doc__})


def _criterion(name: str, given: Any) -> dict[str, Any]:
    """Returns the argument of our heads from the keys of a config.

    Raises:
        InputError: There is no classification part, or a key is unknown.
    """
    card = dict(given or {})
    loss_file, weight = card.pop("loss_file", None), card.pop("weight", 1.0)
    unknown = [key for key in card if key not in PARTS]
    if unknown or "type" not in (card.get("classification") or {}):
        found = f"unknown key {unknown[0]!r}" if unknown else "no classification part"
        raise InputError(
            f"{SCOPE}.{name}: criterion has {found}; give criterion=dict(classification=dict("
            "type='APLoss')), and optionally box, balance, weight and loss_file"
        )
    return {"card": card, "loss_file": loss_file, "weight": weight}


class BalanceHook(Hook):
    """Ends an epoch of aLRP's self-balance ("self-epoch"), which needs it; put in custom_hooks."""

    def after_train_epoch(self, runner: Any) -> None:
        """Calls `end_epoch` of every balance of the model."""
        for module in runner.model.modules():
            if isinstance(module, Balance):
                module.end_epoch()


def _register() -> None:
    for name in HEADS:
        head = _head(name)
        if head is not None:
            MODELS.register_module(name=name, module=head, force=True)
    for name in (*OF_LABELS, *OF_BOXES):
        kind = batch_loss(name, boxes=name in OF_BOXES, heads=tuple(HEADS))
        MODELS.register_module(name=name, module=kind, force=True)
    HOOKS.register_module(name="BalanceHook", module=BalanceHook, force=True)


_register()
__all__ = ["HEADS", "HOOKS", "MODELS", "BalanceHook"]
