"""A trained run for mmdet itself: a stock config, and a checkpoint that mmdet's own test loads.

A loss changes only the training, so its head can become mmdet's own head. Whether that is true of a
run is not assumed: its weights must fit, and the detections on some images must be the same.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rankdet.errors import InputError
from rankdet.results.layout import MODEL
from rankdet.results.outside import check_outside_studies
from rankdet.training import config
from rankdet.training.environment import set_up
from rankdet.training.given_weights import TRAINING_ONLY
from rankdet.whole_folders import check_replaceable, replacing

CONFIG = "config.py"
IMAGES = 8  # on which both detectors must agree
NEAR = 1e-4  # of scores in [0, 1]
PIXELS = 0.01  # of boxes
HERE = "{{ fileDirname }}"  # mmengine: the folder of the config
SHOWN = 3  # names in a message
# A branch that mmdet's heads of ATSS and FCOS have in any case, and ours only if the loss uses it:
# zeros and this bias make its score factor 1.
CENTERNESS = re.compile(r"bbox_head\.(atss|conv)_centerness\.(weight|bias)")
ONE = 20.0  # its sigmoid is 1 in float32


def export_model(spec: dict[str, Any], run: Path, out: Path) -> int:
    """Writes `config.py` and `model.pth` of a run for a stock mmdet 3.x.

    Args:
        spec: The run's spec.
        run: The run's folder.
        out: A new folder, or one that this function has written.

    Returns:
        The number of images on which the detections were compared.

    Raises:
        InputError: If `out` is inside a study's folder or has other files, if the run has no
            weights, if a config of mmdet cannot describe its test, or if mmdet does not have its
            head.
    """
    check_outside_studies(out)
    check_replaceable(out)
    _check_test(spec["test"])
    if not (run / MODEL).is_file():
        raise InputError(f"{run / MODEL}: no weights there; run the study first")
    set_up(spec)
    import torch

    from rankdet.training.inert import load_inert

    manifest = config.load_manifest(spec)
    classes = config.class_names(manifest)
    settings = _stock_model(spec, classes)
    weights = load_inert(run / MODEL)["state_dict"]
    model = _build(settings)
    state = _fitted(spec, weights, model.state_dict())
    model.load_state_dict(state)
    compared = _compare(spec, manifest, weights, model)
    with replacing(out) as folder:
        torch.save({"meta": _meta(classes), "state_dict": state}, folder / MODEL)
        (folder / CONFIG).write_text(config_text(spec, manifest, settings), encoding="utf-8")
    return compared


def config_text(
    spec: Mapping[str, Any], manifest: Mapping[str, Any], model: Mapping[str, Any]
) -> str:
    """Returns the text of mmdet's config for a test on the main split.

    Args:
        spec: The run's spec.
        manifest: The dataset's manifest.
        model: mmdet's model config.
    """
    from mmengine.config import Config

    split = spec["splits"][0]
    loader = config.test_loader(spec, manifest, split)
    kinds = ["bbox", "segm"] if config.needs_masks(spec) else ["bbox"]
    content = {
        "default_scope": "mmdet",
        "model": dict(model),
        "test_dataloader": {**loader, "num_workers": 0, "persistent_workers": False},
        "test_evaluator": {
            "type": "CocoMetric",
            "ann_file": loader["dataset"]["ann_file"],
            "metric": kinds,
            "format_only": False,
        },
        "test_cfg": {"type": "TestLoop"},
        "load_from": f"{HERE}/{MODEL}",
        "work_dir": "work_dirs/rankdet",
    }
    name = "/".join([spec["dataset"], spec["detector"], spec["loss"]])
    head = f"# {name}, seed {spec['seed']}: for the test of mmdet 3.x, written by RankDet Bench.\n"
    return head + str(Config(content).pretty_text)


def _check_test(test: Mapping[str, Any]) -> None:
    for key in ("multi_scale", "flip", "thresholds"):
        if test.get(key) not in (None, False, "none"):
            raise InputError(
                f"test.{key}: the run is tested in a way that a plain mmdet config does not have; "
                "export a run without it"
            )


def _stock_model(spec: Mapping[str, Any], classes: tuple[str, ...]) -> Any:
    from rankdet.detectors.models import stock_config

    detector, preset = spec["detector_spec"], spec["preset"]
    model = stock_config(detector, preset=preset, classes=classes, test=spec["test"])
    model["backbone"]["init_cfg"] = None  # all weights are in the checkpoint
    return model


def _build(settings: Any) -> Any:
    import copy

    from mmdet.registry import MODELS

    try:
        return MODELS.build(copy.deepcopy(settings)).eval()
    except (TypeError, KeyError) as error:
        raise InputError(f"mmdet has no head for this detector: {error}") from error


def _fitted(
    spec: Mapping[str, Any], weights: Mapping[str, Any], stock: Mapping[str, Any]
) -> dict[str, Any]:
    """The weights under the names of mmdet's own detector; what only training needs stays there."""
    added = {
        name: value.new_full(value.shape, ONE if name.endswith("bias") else 0.0)
        for name, value in stock.items()
        if name not in weights and CENTERNESS.fullmatch(name)
    }
    weights = {**weights, **added}
    wanted = [name for name in stock if not TRAINING_ONLY.search(name)]
    other = [n for n in wanted if n not in weights or weights[n].shape != stock[n].shape]
    other += [n for n in weights if n not in stock and not TRAINING_ONLY.search(n)]
    if other:
        names = ", ".join(other[:SHOWN]) + (", ..." if len(other) > SHOWN else "")
        raise InputError(
            f"{spec['detector']} with {spec['loss']}: mmdet's own head has other weights "
            f"({names}), as of box heads with one sigmoid per class: no stock config gives its "
            "detections"
        )
    return {name: weights.get(name, value) for name, value in stock.items()}


def _compare(
    spec: Mapping[str, Any], manifest: Mapping[str, Any], weights: Mapping[str, Any], stock: Any
) -> int:
    """Compares the detections of both detectors on the first images of the main split."""
    import torch
    from mmengine.runner import Runner

    from rankdet.training.inference import build_model

    own = build_model(spec, "cpu")
    own.load_state_dict(weights)
    settings = config.test_loader(spec, manifest, spec["splits"][0])
    settings["dataset"]["indices"] = min(IMAGES, _images(manifest, spec["splits"][0]))
    count = 0
    with torch.inference_mode():
        for batch in Runner.build_dataloader(settings):
            ours, theirs = (model.test_step(batch)[0].pred_instances for model in (own, stock))
            if not _same(ours, theirs):
                raise InputError(
                    f"{spec['detector']} with {spec['loss']}: mmdet's own head gives other "
                    "detections from these weights, so no stock config has this AP"
                )
            count += 1
    return count


def _images(manifest: Mapping[str, Any], split: str) -> int:
    return int(manifest["splits"][split].get("n_images") or IMAGES)


def _same(ours: Any, theirs: Any) -> bool:
    import torch

    if len(ours) != len(theirs):
        return False
    scores = torch.allclose(ours.scores, theirs.scores, rtol=0, atol=NEAR)
    boxes = torch.allclose(ours.bboxes, theirs.bboxes, rtol=0, atol=PIXELS)
    return scores and boxes and torch.equal(ours.labels, theirs.labels)


def _meta(classes: tuple[str, ...]) -> dict[str, Any]:
    import mmdet

    return {"dataset_meta": {"classes": list(classes)}, "mmdet_version": mmdet.__version__}
