"""Builds mmengine's configs from a run's spec: data loaders, optimiser, schedule."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import ConfigDict

from rankdet.detectors.models import model_config
from rankdet.errors import InputError, in_words
from rankdet.machine import loading_processes
from rankdet.suggest import nearest
from rankdet.training import transforms
from rankdet.training.data_checks import check_image_sizes


def load_manifest(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Reads the dataset manifest that the data rule wrote.

    Raises:
        InputError: If it does not exist, the detector needs masks and the dataset lacks some, or an
            image is too elongated for the image sizes of the run.
    """
    path = Path(spec["manifest"])
    try:
        manifest = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: cannot read the dataset manifest ({in_words(error)}); run the data rule"
        ) from None
    if needs_masks(spec):
        for split in dict.fromkeys(["train", *spec["splits"]]):
            _check_masks(spec["detector"], manifest, split)
    check_image_sizes(spec, manifest)
    return manifest


def needs_masks(spec: Mapping[str, Any]) -> bool:
    """Returns whether the run's detector is trained on masks and predicts them."""
    return bool(spec["detector_spec"].get("masks"))


def _check_masks(detector: str, manifest: Mapping[str, Any], split: str) -> None:
    part = manifest["splits"].get(split, {})
    total, usable = part.get("n_annotations", 0), part.get("n_masks", 0)
    if usable < total:
        raise InputError(
            f"detector {detector!r} needs masks, but {total - usable} of the {total} annotations "
            f"of {manifest['name']!r}, split {split!r}, have no usable 'segmentation'; use a "
            "detector without masks, or annotate (or remove) these objects"
        )


def class_names(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns the class names in the order of the labels."""
    return tuple(item["name"] for item in manifest["classes"])


def model_settings(spec: Mapping[str, Any], classes: Sequence[str]) -> ConfigDict:
    """Returns mmdet's model config of a run: its detector with its loss.

    Args:
        spec: The job spec of the run.
        classes: Class names in the order of the labels.

    Raises:
        InputError: If the loss card or the test settings do not fit the detector.
    """
    return model_config(
        spec["detector_spec"],
        spec["card"],
        preset=spec["preset"],
        classes=classes,
        loss_file=spec["loss_file"],
        test=spec.get("test"),
    )


def dataset_config(
    manifest: Mapping[str, Any], split: str, pipeline: list[dict[str, Any]], *, train: bool
) -> dict[str, Any]:
    """Returns mmdet's dataset config of one split.

    As in the papers' code, images without objects are not used for training. Tests use them.

    Raises:
        InputError: If the dataset does not have the split.
    """
    if split not in manifest["splits"]:
        known = ", ".join(manifest["splits"])
        raise InputError(
            f"dataset {manifest['name']!r} has no split {split!r}; its splits are: {known}"
        )
    part = manifest["splits"][split]
    return {
        "type": "CocoDataset",
        "ann_file": str(Path(part["annotations"]).resolve()),
        "data_prefix": {"img": str(Path(part["images"]).resolve())},
        "metainfo": {"classes": class_names(manifest)},
        "filter_cfg": {"filter_empty_gt": True, "min_size": 1},
        "pipeline": pipeline,
        "test_mode": not train,
    }


def _workers(spec: Mapping[str, Any]) -> int:
    """Returns the processes that load images: the schedule's `workers`, or from the job's cores."""
    import torch

    workers = spec["schedule"].get("workers")
    if workers is not None:
        return int(workers)
    gpu = spec.get("device", "auto") != "cpu" and torch.cuda.is_available()
    return loading_processes(int(spec.get("threads", 1)), gpu)


def train_loader(spec: Mapping[str, Any], manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the config of the training data loader.

    As in mmdet, a batch has only wide or only tall images. The number of `workers` changes no
    number. With `oversample: t`, images of rare classes are repeated in an epoch: max(1, √(t/f))
    times, where f is the fraction of images with the rarest class of the image (LVIS's repeat
    factors).
    """
    from rankdet.training.image_draws import EpochBatches, SeededImages

    schedule = spec["schedule"]
    workers = _workers(spec)
    pipeline = transforms.train_pipeline(schedule, masks=needs_masks(spec))
    dataset = dataset_config(manifest, "train", pipeline, train=True)
    if schedule.get("oversample"):
        threshold = schedule["oversample"]
        dataset = {"type": "ClassBalancedDataset", "oversample_thr": threshold, "dataset": dataset}
    return {
        "batch_size": schedule.get("images_per_gpu") or schedule["batch_size"],
        "num_workers": workers,
        "persistent_workers": workers > 0,
        "sampler": {"type": "DefaultSampler", "shuffle": True},
        "batch_sampler": {"type": EpochBatches},
        "dataset": {"type": SeededImages, "dataset": dataset, "seed": int(spec["seed"])},
    }


def test_loader(spec: Mapping[str, Any], manifest: Mapping[str, Any], split: str) -> dict[str, Any]:
    """Returns the config of the data loader of an evaluation split, with one image per batch."""
    schedule = spec["schedule"]
    workers = _workers(spec)
    pipeline = transforms.test_pipeline(schedule, spec.get("test") or {})
    return {
        "batch_size": 1,
        "num_workers": workers,
        "persistent_workers": workers > 0,
        "sampler": {"type": "DefaultSampler", "shuffle": False},
        "dataset": dataset_config(manifest, split, pipeline, train=False),
    }


def optimizer_config(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the optimiser: SGD, as in all the papers, or AdamW; with factors for its parts."""
    schedule = spec["schedule"]
    own: dict[str, Any] = {
        "type": "SGD",
        "lr": schedule["lr"],
        "momentum": schedule.get("momentum", 0.9),
        "weight_decay": schedule.get("weight_decay", 1e-4),
        "fused": True,  # one operation for all parameters; with SGD the numbers are equal
    }
    if schedule.get("optimizer", "sgd") == "adamw":
        del own["momentum"], own["fused"]
        own["type"] = "AdamW"
        if schedule.get("betas"):
            own["betas"] = tuple(schedule["betas"])
    clip = schedule.get("grad_clip")
    wrapper: dict[str, Any] = {"type": "OptimWrapper", "optimizer": own}
    if schedule.get("paramwise"):
        wrapper["paramwise_cfg"] = dict(schedule["paramwise"])
    return {**wrapper, "clip_grad": {"max_norm": clip, "norm_type": 2}} if clip else wrapper


def check_parts(schedule: Mapping[str, Any], detector: str, names: Sequence[str]) -> None:
    """Checks that each part of `paramwise` is in the detector; mmengine ignores unknown parts.

    Args:
        schedule: The run's schedule.
        detector: The detector's name, for the message.
        names: The names of its parameters.

    Raises:
        InputError: If no parameter has the name of a part in its name.
    """
    for key in (schedule.get("paramwise") or {}).get("custom_keys") or {}:
        if not any(key in name for name in names):
            known = dict.fromkeys(part for name in names for part in name.split(".")[:2])
            raise InputError(
                f"schedule.paramwise.custom_keys: no parameter of {detector!r} has {key!r} in its "
                f"name; {nearest(key, known)}"
            )
