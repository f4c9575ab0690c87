"""Settings of how anchors and proposals become positives, negatives and samples."""

from typing import Any

from rankdet.training.built_settings.build import Built
from rankdet.training.built_settings.words import number

NO_SAMPLER = ("PseudoSampler", "EverySample")  # mmdet's, and ours with fewer waits


def matching_settings(built: Built) -> dict[str, str]:
    """Returns the assigners, samplers and proposals of training and tests by name."""
    found = {"assigner": _assigner(built)}
    if built.two_stage:
        found |= _proposals(built)
        found |= _samplers(built)
    return found


def _assigner(built: Built) -> str:
    settings: Any = built.config.get("train_cfg") or {}
    if built.two_stage:
        rpn = settings.rpn.assigner
        stages = settings.rcnn if isinstance(settings.rcnn, list) else [settings.rcnn]
        border = settings.rpn.get("allowed_border", -1)
        words = f"RPN {_max_iou(rpn)}, allowed_border {border}; "
        if len(stages) == 1:
            return f"{words}R-CNN {_max_iou(stages[0].assigner)}"
        named = (f"stage {i}: {_max_iou(s.assigner)}" for i, s in enumerate(stages, start=1))
        return words + "; ".join(named)
    assigner = settings.get("assigner")
    if assigner is None:
        return type(built.dense_head).__name__.removeprefix("Criterion").removesuffix("Head")
    if assigner.type == "ATSSAssigner":
        return f"ATSS, top-k {assigner.topk} per level"
    words = _max_iou(assigner)
    head = built.dense_head
    if hasattr(head, "topk"):
        words += f"; then {head.topk} best per level by {_clustering(head)}, Gaussian mixture of 2"
    return words


def _clustering(head: Any) -> str:
    named = {"losses": "loss", "scores": "score and IoU", "normalised-scores": "score and IoU"}
    return named.get(head.clustering, head.clustering)


def _max_iou(assigner: Any) -> str:
    low = "yes" if assigner.get("match_low_quality", True) else "no"
    return (
        f"MaxIoU: positive ≥ {number(assigner.pos_iou_thr)}, negative < "
        f"{number(assigner.neg_iou_thr)}, min_pos_iou {number(assigner.get('min_pos_iou', 0))}, "
        f"low-quality match {low}"
        + ("" if assigner.get("gt_max_assign_all", True) else ", best anchor alone")
    )


def _proposals(built: Built) -> dict[str, str]:
    train, test = built.config.train_cfg.rpn_proposal, built.config.test_cfg.rpn
    return {"rpn_proposals_train": _best(train), "rpn_proposals_test": _best(test)}


def _best(settings: Any) -> str:
    return (
        f"top {settings.nms_pre} per level, NMS {number(settings.nms.iou_threshold)} within "
        f"levels, best {settings.max_per_img} per image"
    )


def _samplers(built: Built) -> dict[str, str]:
    rcnn = built.config.train_cfg.rcnn
    stages = rcnn if isinstance(rcnn, list) else [rcnn]
    words = [_sampler(stage.sampler) for stage in stages]
    every = " in every stage" if len(stages) > 1 else ""
    rpn = _sampler(built.config.train_cfg.rpn.sampler)
    adds = [stage.sampler.get("add_gt_as_proposals", False) for stage in stages]
    return {
        "rcnn_sampler": f"R-CNN: {words[0]}{every}; RPN: {rpn}",
        "add_gt_as_proposals": "yes" if all(adds) else "no",
    }


def _sampler(settings: Any) -> str:
    if settings.type in NO_SAMPLER:
        return "none"
    if settings.num >= 10**6:
        return f"all, positive fraction {number(settings.pos_fraction)}"
    return f"{settings.type} {settings.num}, positive fraction {number(settings.pos_fraction)}"
