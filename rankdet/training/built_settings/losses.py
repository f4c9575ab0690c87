"""Settings of the losses: ranking or classification, boxes, masks, balance, first biases."""

import math
from typing import Any

from torch import nn

from rankdet.training.built_settings.build import Built
from rankdet.training.built_settings.words import number

SMOOTH = "smooth_l1"
MEAN_OF_FOUR = 0.25  # AP Loss averages over the four coordinates; ours sums them


def loss_settings(built: Built) -> dict[str, str]:
    """Returns the settings of the criteria and of the mask loss by name."""
    criteria = [head.criterion for head in _heads(built)]
    main = criteria[-1]
    found = {
        "box_loss": _by_head(built, [_box(c) for c in criteria]),
        "box_loss_weighting": _by_head(built, [_weighting(c) for c in criteria]),
        "self_balance": _by_head(built, [_balance(c.balance) for c in criteria]),
        "cls_bias_init": _by_head(built, [_bias(head) for head in _heads(built)]),
        "rank_scope": _scope(main.classification),
        **_ranking(main.classification),
    }
    if any(c.box.kind == SMOOTH for c in criteria):
        betas = [number(c.box.beta) if c.box.kind == SMOOTH else "none" for c in criteria]
        found["smooth_l1_beta"] = _by_head(built, betas)
    found |= _masks(built)
    if built.two_stage:
        found["rpn_loss_weight"] = number(criteria[0].weight)
        if len(criteria) > 2:
            weights = built.config.roi_head.stage_loss_weights
            found["stage_loss_weights"] = ", ".join(number(w) for w in weights)
    return found


def _heads(built: Built) -> list[Any]:
    return [built.dense_head, *built.box_heads] if built.two_stage else [built.dense_head]


def _by_head(built: Built, texts: list[str]) -> str:
    """Joins the texts of RPN and box heads; one text if all heads are equal."""
    if len(set(texts)) == 1:
        return texts[0]
    return f"RPN: {texts[0]}; R-CNN: {texts[1]}"


def _box(criterion: Any) -> str:
    box = criterion.box
    words = {"giou": "GIoU", "iou": "IoU", "l1": "L1", SMOOTH: "smooth L1", "dice": "Dice"}[
        box.kind
    ]
    if box.kind == SMOOTH:
        words += f", beta {number(box.beta)}"
    weight = 1.0 if box.weight == MEAN_OF_FOUR and box.kind == SMOOTH else box.weight
    return f"{words}, weight {number(weight)}"


def _weighting(criterion: Any) -> str:
    """Returns the weighting of boxes; aLRP Loss ranks its localisation errors itself."""
    return "ranking" if hasattr(criterion.classification, "tau") else criterion.box.weighting


def _balance(balance: Any) -> str:
    name = type(balance).__name__
    if name == "SelfBalanceEpoch":
        period = getattr(balance, "period", None)
        unit = f"{period} iterations" if period else "the first epoch"
        return f"{number(balance.initial)} for {unit}, then by the losses"
    if name == "SelfBalanceIteration":
        return "every iteration, by value"
    if name == "GradientMagnitudeBalance":
        return "every iteration, by gradient magnitude"
    if name == "ConstantBalance":
        return "constant"
    return "none"


def _masks(built: Built) -> dict[str, str]:
    roi, prototypes = (
        getattr(built.model, "roi_head", None),
        getattr(built.model, "mask_head", None),
    )
    if roi is not None and roi.with_mask:
        loss = roi.mask_head.loss_mask
        if type(loss).__name__ != "ClassDiceLoss":
            cap = "positives of the sampler"
            return {
                "mask_loss": f"cross entropy, weight {number(loss.loss_weight)}",
                "mask_cap": cap,
            }
        how = ", by score" if loss.by_score else ""
        return {"mask_loss": f"Dice of the class{how}", "mask_cap": str(roi.mask_cap or "none")}
    if prototypes is None:
        return {}
    if not hasattr(prototypes, "trains_dice"):  # SOLOv2
        box = prototypes.criterion.box
        how = "by score" if box.weighting == "score" else f"weight {number(box.weight)}"
        return {"mask_loss": f"Dice, {how}"}
    branch = "semantic branch, weight 1" if prototypes.with_seg_branch else "no semantic branch"
    if prototypes.trains_dice:
        how = ", by score" if prototypes.by_score else ""
        return {"mask_loss": f"Dice of prototypes{how}; {branch}", "mask_cap": "none"}
    weight = number(prototypes.loss_mask_weight)
    cap = f"{prototypes.max_masks_to_train} an image"
    return {"mask_loss": f"cross entropy of prototypes, weight {weight}; {branch}", "mask_cap": cap}


def _bias(head: nn.Module) -> str:
    prior = getattr(head, "prior", None)
    init = getattr(head, "init_cfg", None) or {}
    for entry in init if isinstance(init, list) else [init]:
        prior = entry.get("bias_prob", prior)
        override = entry.get("override") or {}
        for part in override if isinstance(override, list) else [override]:
            prior = part.get("bias_prob", prior)
    if not prior:
        return "0"
    return f"prior {number(prior)} (bias {number(-math.log((1 - prior) / prior))})"


def _scope(part: Any) -> str:
    return "image" if getattr(part, "per_image", False) else "GPU"


def _ranking(part: Any) -> dict[str, str]:
    found = {}
    if hasattr(part, "delta"):
        found["loss_delta"] = number(part.delta)
    if type(part).__name__ in ("APELoss", "PairwiseErrorLoss"):
        found["ape_lambda"] = number(part.scale)
    if hasattr(part, "max_negatives"):
        found["ape_Q"] = str(part.max_negatives)
    return found
