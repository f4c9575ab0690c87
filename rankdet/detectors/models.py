"""Builds an mmdet model config, with a criterion in its head, from a detector file."""

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config, ConfigDict

from rankdet.detectors.families import family
from rankdet.errors import InputError

COMMON_NECK_OPTIONS = ("in_channels", "out_channels", "num_outs", "start_level", "norm_cfg")


def mmdet_base(name: str) -> dict[str, Any]:
    """Reads the `model` of an mmdet base config from the installed package.

    mmdet's `mmdet::` inheritance needs `pkg_resources`, which new setuptools do not have. Therefore
    the file is read directly from the installed package.

    Args:
        name: Path below mmdet's `configs/`, such as `retinanet/retinanet_r50_fpn_1x_coco.py`.

    Raises:
        InputError: If mmdet has no such config.
    """
    import mmdet

    path = Path(mmdet.__file__).parent / ".mim" / "configs" / name
    if not path.is_file():
        raise InputError(f"mmdet {mmdet.__version__} has no config {name!r} (looked in {path})")
    return Config.fromfile(path).model.to_dict()


def merged_into_lists(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Returns `base` with `changes` merged in, nested dictionaries key by key.

    A dictionary over a list of dictionaries, such as the heads of a cascade, changes each of them.
    Unlike in `rankdet.suggest.merged_by_type`, another `type` keeps the other keys: variants of an
    mmdet part share most of them.
    """
    result = dict(copy.deepcopy(dict(base)))
    for key, value in changes.items():
        old = result.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            result[key] = merged_into_lists(old, value)
        elif isinstance(old, list) and isinstance(value, Mapping):
            result[key] = [merged_into_lists(part, value) for part in old]
        else:
            result[key] = copy.deepcopy(value)
    return result


def model_config(
    detector: Mapping[str, Any],
    card: Mapping[str, Any],
    *,
    preset: str,
    classes: Sequence[str],
    loss_file: str | Path | None = None,
    test: Mapping[str, Any] | None = None,
) -> ConfigDict:
    """Returns the mmdet model config of a detector that is trained by a loss.

    Args:
        detector: Content of `workflows/detectors/<name>.yaml`.
        card: The merged loss card.
        preset: `full` (the papers' size) or `small` (for CPUs).
        classes: Class names, in the order of the labels.
        loss_file: The Python file of the loss.
        test: The run's test settings: `score_threshold`, `nms_iou`, `max_per_image`, `nms_pre`.

    Raises:
        InputError: If the detector has no such preset, or its family is unknown.
    """
    from rankdet.detectors import assigners  # it imports mmdet, after `environment.set_up`

    model = _without_criterion(detector, preset, classes)
    criterion = {"card": dict(card), "loss_file": str(loss_file) if loss_file else None}
    family(detector["family"]).configure(model, detector, criterion)
    assigners.use(model)
    settings = model["test_cfg"]
    _apply_test_settings(settings.get("rcnn", settings), test or {})  # two stages: of the last
    return ConfigDict(model)  # mmdet reads its settings as attributes


def stock_config(
    detector: Mapping[str, Any],
    *,
    preset: str,
    classes: Sequence[str],
    test: Mapping[str, Any] | None = None,
) -> ConfigDict:
    """Returns the mmdet model config of a detector with mmdet's own heads and losses.

    Args:
        detector: Content of `workflows/detectors/<name>.yaml`.
        preset: `full` or `small`.
        classes: Class names, in the order of the labels.
        test: As in `model_config`; None keeps mmdet's.

    Raises:
        InputError: If the detector has no such preset.
    """
    model = _without_criterion(detector, preset, classes)
    settings = model["test_cfg"]
    _apply_test_settings(settings.get("rcnn", settings), test or {})
    rcnn = (model.get("train_cfg") or {}).get("rcnn")
    for stage in rcnn if isinstance(rcnn, list) else [rcnn or {}]:
        stage.pop("unsampled", None)  # a key of our adapter
    return ConfigDict(model)


def _without_criterion(
    detector: Mapping[str, Any], preset: str, classes: Sequence[str]
) -> dict[str, Any]:
    """Returns mmdet's model with the detector's preset and number of classes."""
    if preset not in detector:
        known = ", ".join(key for key in ("full", "small") if key in detector)
        raise InputError(f"detector {detector['name']!r} has no preset {preset!r}; it has: {known}")
    changes = detector[preset] or {}
    model = merged_into_lists(
        _for_neck(mmdet_base(detector["base"]), changes.get("neck", {})), changes
    )
    _set_everywhere(model, "num_classes", len(classes))
    return model


def _for_neck(base: dict[str, Any], neck: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the base; for a neck of another type, its neck keeps only the common options."""
    if neck.get("type", base["neck"]["type"]) == base["neck"]["type"]:
        return base
    kept = {key: value for key, value in base["neck"].items() if key in COMMON_NECK_OPTIONS}
    return {**base, "neck": kept}


def _set_everywhere(config: Any, key: str, value: Any) -> None:
    """Sets a key everywhere in a nested config: several heads can have `num_classes`."""
    if isinstance(config, dict):
        if key in config:
            config[key] = value
        config = list(config.values())
    if isinstance(config, list | tuple):
        for part in config:
            _set_everywhere(part, key, value)


def _apply_test_settings(config: dict[str, Any], test: Mapping[str, Any]) -> None:
    names = {"score_threshold": "score_thr", "max_per_image": "max_per_img", "nms_pre": "nms_pre"}
    for ours, theirs in names.items():
        if test.get(ours) is not None:
            config[theirs] = test[ours]
    if test.get("score_threshold") is not None and "filter_thr" in config:
        config["filter_thr"] = test["score_threshold"] / 2  # SOLOv2 after matrix NMS, as in mmdet
    if test.get("nms_iou") is not None:
        if "nms" in config:
            config["nms"] = {**config["nms"], "iou_threshold": test["nms_iou"]}
        elif "iou_thr" in config:  # YOLACT's fast NMS; SOLOv2's matrix NMS has no threshold
            config["iou_thr"] = test["nms_iou"]
