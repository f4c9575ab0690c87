"""Detections of a trained or untrained run on one split, in COCO's result format."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rankdet.errors import InputError
from rankdet.files import atomic
from rankdet.results.layout import DETECTIONS, MODEL, RUN, SPEED
from rankdet.results.schemas.run import RunRecord
from rankdet.results.schemas.sweep import SpeedRecord
from rankdet.training import provenance
from rankdet.training.environment import set_up

WARM_UP_IMAGES = 3  # not timed: the first calls allocate memory and choose kernels


def predict_run(spec: dict[str, Any], run_dir: Path, split: str, out_dir: Path) -> None:
    """Writes `detections.json` and `speed.json` of a run on one split.

    Args:
        spec: The run's spec.
        run_dir: The run's folder, with `model.pth` and `run.json`.
        split: A split of the dataset's manifest.
        out_dir: The output folder.

    Raises:
        InputError: If the model file does not match the spec.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    status = RunRecord.from_disk(run_dir / RUN).status
    device = set_up(spec)
    if status == "diverged":  # the weights are not finite: there are no detections
        _write(out_dir, [], {"device": device, "images": 0, "seconds_per_image": None})
        return
    from rankdet.training.inert import load_inert

    model = build_model(spec, device)
    try:
        model.load_state_dict(load_inert(run_dir / MODEL)["state_dict"])
    except (RuntimeError, KeyError, TypeError, AttributeError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[-1].strip()
        raise InputError(
            f"{run_dir / MODEL} does not match this detector and loss ({first}); "
            "delete the file and train again"
        ) from error
    _write(out_dir, *detect(model, spec, split, device))


def predict_untrained(spec: dict[str, Any], run_dir: Path) -> None:
    """Writes the detections of an untrained model: the chance level on this dataset.

    The model is the one that training starts with (same seed, same initialisation). The score
    threshold is 0, because initial scores are about .01.
    """
    run_dir.mkdir(parents=True, exist_ok=True)
    device = set_up(spec)
    from rankdet.training import record

    started = provenance.now()
    spec = {**spec, "test": {**spec.get("test", {}), "score_threshold": 0.0}}
    model = build_model(spec, device, pretrained=True)
    model.init_weights()
    _write(run_dir, *detect(model, spec, spec["splits"][0], device))
    record.run_record(
        spec, status="untrained", reason=None, training=None, device=device, started=started
    ).to_disk(run_dir / RUN)


def build_model(spec: Mapping[str, Any], device: str, *, pretrained: bool = False) -> Any:
    """Returns the detector in evaluation mode. Its weights are drawn with the run's seed.

    Args:
        spec: The run's spec.
        device: The device that `set_up` returned.
        pretrained: Whether `init_weights` will be called. The weights of the backbone are then
            downloaded.
    """
    from mmdet.registry import MODELS
    from mmengine.runner import set_random_seed

    from rankdet.training import acceleration, config
    from rankdet.training.pretrained import fetch

    set_random_seed(int(spec["seed"]))
    classes = config.class_names(config.load_manifest(spec))
    settings = acceleration.model(config.model_settings(spec, classes), device)
    model = MODELS.build(fetch(settings) if pretrained else settings)
    return model.to(device).eval()


def with_views(model: Any, test: Mapping[str, Any]) -> Any:
    """Returns the detector; with several test views of an image, wrapped in `DetTTAModel`.

    mmdet's `DetTTAModel` merges the detections of the views with another NMS.

    Raises:
        InputError: If the detector predicts masks, which mmdet cannot merge.
    """
    from mmdet.models import DetTTAModel
    from mmengine.config import ConfigDict

    from rankdet.training.transforms import several_views

    if not several_views(test):
        return model
    if getattr(model, "with_mask", False):
        raise InputError(
            "test.multi_scale and test.flip: mmdet cannot merge the masks of several views; remove "
            "these keys for detectors with masks"
        )
    settings = model.test_cfg.get("rcnn", model.test_cfg)
    merging = ConfigDict(nms=settings["nms"], max_per_img=settings["max_per_img"])
    return DetTTAModel(tta_cfg=merging, module=model).eval()


def detect(
    model: Any, spec: Mapping[str, Any], split: str, device: str
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Runs the detector over a split, one image at a time.

    Returns:
        The detections (`image_id`, `category_id`, `bbox` as x, y, width, height in pixels of the
        original image, `score`, and `segmentation` as compressed RLE if the detector predicts
        masks), highest score first within an image; and the speed. The time includes NMS and
        pasting of masks, but not loading, resizing and encoding of masks.
    """
    import torch
    from mmengine.runner import Runner

    from rankdet.training import acceleration, config
    from rankdet.training.detections import coco_results

    manifest = config.load_manifest(spec)
    model = with_views(model, spec.get("test") or {})
    settings = acceleration.loader(config.test_loader(spec, manifest, split), device)
    loader = Runner.build_dataloader(settings)
    categories = [item["id"] for item in manifest["classes"]]
    detections: list[dict[str, Any]] = []
    seconds: list[float] = []
    with torch.inference_mode():
        for batch in loader:
            start = _clock(torch, device)
            results = model.test_step(batch)
            seconds.append(_clock(torch, device) - start)
            for result in results:
                detections.extend(coco_results(result, categories))
    timed = seconds[WARM_UP_IMAGES:] or seconds
    pace = sum(timed) / len(timed) if timed else None
    speed = {
        "device": device,
        "hardware": provenance.hardware(device),
        "images": len(timed),
        "seconds_per_image": pace,
        "images_per_second": 1 / pace if pace else None,
    }
    return detections, speed


def _clock(torch: Any, device: str) -> float:
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return time.perf_counter()


def _write(out_dir: Path, detections: list[dict[str, Any]], speed: dict[str, Any]) -> None:
    with atomic(out_dir / DETECTIONS) as temporary:
        temporary.write_text(json.dumps(detections), encoding="utf-8")
    SpeedRecord.of(**speed).to_disk(out_dir / SPEED)
