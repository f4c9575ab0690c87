"""Settings of training and tests around the model: images, optimiser, schedule, NMS."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from rankdet.training.built_settings.build import Built
from rankdet.training.built_settings.words import number, numbers, size, span

Step = Mapping[str, Any]


def procedure_settings(built: Built) -> dict[str, str]:
    """Returns the settings of images, optimiser, schedule and tests by name."""
    return {**_images(built), **_optimizer(built), **_rates(built), **_tests(built)}


def _images(built: Built) -> dict[str, str]:
    steps = {step["type"]: step for step in built.train_pipeline}
    resize = steps.get("Resize") or steps.get("RandomResize") or steps["RandomChoiceResize"]
    schedule = built.spec["schedule"]
    return {
        "train_image_size": _train_size(resize),
        "keep_ratio": "yes" if resize.get("keep_ratio", True) else "no",
        "augmentation": _augmentation(built.train_pipeline, schedule),
        "images_per_gpu": str(schedule.get("images_per_gpu") or schedule["batch_size"]),
        "gpus": str(schedule.get("gpus", 1)),
    }


def _train_size(resize: Step) -> str:
    if resize["type"] == "Resize":
        return size(resize["scale"])
    if resize["type"] == "RandomChoiceResize":
        sides = sorted(min(scale) for scale in resize["scales"])
        limit = max(max(scale) for scale in resize["scales"])
        return f"shorter side one of {numbers(sides)}, longer ≤ {limit}"
    low, high = (min(scale) for scale in resize["scale"])
    return f"shorter side drawn from {low}–{high}, longer ≤ {max(resize['scale'][0])}"


def _augmentation(pipeline: Sequence[Step], schedule: Mapping[str, Any]) -> str:
    words = [text for step in pipeline if (text := _transform(step))]
    noise = next((step["std"] for step in pipeline if step["type"] == "LightingNoise"), None)
    if noise:  # the releases count it among the colours
        words = [
            re.sub(r"(hue \d+)\)", rf"\1, lighting noise std {number(noise)})", w) for w in words
        ]
    if schedule.get("oversample"):
        share = number(schedule["oversample"])
        words.append(f"images repeated by repeat factors (threshold {share})")
    return "; ".join(words) or "none"


def _transform(step: Step) -> str:
    kind = step["type"]
    if kind == "PhotoMetricDistortion":
        low, high = step["contrast_range"]
        return (
            f"photometric (brightness {step['brightness_delta']}, contrast {span(low, high)}, "
            f"saturation {span(*step['saturation_range'])}, hue {step['hue_delta']})"
        )
    if kind == "Expand":
        low, high = step["ratio_range"]
        return f"expand ×{low}–{high} (p .5)"
    if kind == "MinIoURandomCrop":
        return (
            f"min-IoU random crop ({numbers(step['min_ious'])}, whole or free; min size "
            f"{number(step['min_crop_size'])})"
        )
    if kind == "RandomChoiceResize":
        sides = sorted(min(scale) for scale in step["scales"])
        return f"multi-scale {sides[0]}–{sides[-1]} (by value)"
    if kind == "RandomResize":
        low, high = (min(scale) for scale in step["scale"])
        return f"multi-scale {low}–{high} (by range)"
    if kind == "RandomFlip" and step["prob"]:
        return f"horizontal flip {number(step['prob'])}"
    if kind == "FilterAnnotations":
        return f"boxes under {number(step['min_gt_bbox_wh'][0])} px dropped"
    return ""


def _optimizer(built: Built) -> dict[str, str]:
    own = built.optimizer["optimizer"]
    clip = built.optimizer.get("clip_grad")
    return {
        "optimizer": own["type"],
        "lr": number(own["lr"]),
        "momentum": number(own.get("momentum", 0)),
        "weight_decay": number(own["weight_decay"]),
        "grad_clip": f"max norm {number(clip['max_norm'])} (L2)" if clip else "none",
    }


def _rates(built: Built) -> dict[str, str]:
    schedule = built.spec["schedule"]
    found = {"epochs": str(schedule.get("epochs", "none"))}
    for part in built.lr_schedule:
        if part["type"] == "LinearLR":
            found["warmup_iters"] = str(part["end"] - part["begin"])
            found["warmup_ratio"] = number(part["start_factor"])
        elif part["type"] == "MultiStepLR":
            steps = [round(step / built.epoch_length) for step in part["milestones"]]
            found["lr_policy"] = f"step, each ×{number(part['gamma'])}"
            found["lr_steps"] = f"epochs {numbers(steps)}"
        else:
            found["lr_policy"] = "cosine annealing to 0× of lr"
    return found


def _tests(built: Built) -> dict[str, str]:
    settings = built.config.test_cfg
    last = settings.get("rcnn", settings)
    resize = next((step for step in built.test_pipeline if step["type"] == "Resize"), None)
    found = {
        "test_augmentation": "none" if resize else "several scales, flips",
        "score_threshold": number(last.score_thr),
        "max_per_image": str(last.get("max_per_img")),
        "nms_type": _nms_type(last),
    }
    if resize:
        found["test_image_size"] = size(resize["scale"])
        found["test_keep_ratio"] = "yes" if resize.get("keep_ratio", True) else "no"
    overlap = last.get("iou_thr") or (last.get("nms") or {}).get("iou_threshold")
    if overlap:
        found["nms_iou"] = number(overlap)
    if last.get("nms_pre"):
        found["nms_pre"] = str(last.nms_pre)
    return found


def _nms_type(settings: Any) -> str:
    if "iou_thr" in settings:
        return f"fast NMS (YOLACT), top {settings.top_k} per class"
    if "nms" not in settings:
        return f"matrix NMS, {settings.kernel} kernel, sigma {number(settings.sigma)}"
    voting = ", then score voting" if settings.get("score_voting") else ""
    return f"hard NMS per class{voting}"
