"""Tests a given checkpoint: converts it to the detector's names and writes it as a run's model."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rankdet.errors import InputError, first_of
from rankdet.files import atomic, sha256
from rankdet.results.layout import MODEL, RUN
from rankdet.results.schemas.run import RunRecord
from rankdet.results.status import GIVEN
from rankdet.training import provenance
from rankdet.training.checkpoint_file import CheckpointFile, read_checkpoint
from rankdet.training.environment import set_up

# Names of mmdet 2.x and of the papers' repositories, and the names of mmdet 3.x for them.
RENAMED = (
    (r"^bbox_head\.(?:fcos|fovea)_(cls|reg|centerness)\.", r"bbox_head.conv_\1."),
    (r"^segm_head\.", "mask_head.segm_branch."),  # YOLACT
)
# Parts of a detector that only training needs: state of the losses, YOLACT's semantic branch.
TRAINING_ONLY = re.compile(
    r"(^|\.)(criterion|balance|loss_\w+|segm_branch|num_batches_tracked)(\.|$)"
)
NOT_OF_THE_MODEL = ("data_preprocessor.", "ema_")  # other entries that tools save with the weights
SHOWN = 3  # names in a message


def write_given(spec: dict[str, Any], run_dir: Path) -> None:
    """Writes `model.pth` and `run.json` of a run whose checkpoint is given.

    Args:
        spec: The run's spec; `checkpoint` is the file.
        run_dir: The run's folder.

    Raises:
        InputError: If the file cannot be used, or does not match the detector or the classes.
    """
    run_dir.mkdir(parents=True, exist_ok=True)
    device = set_up(spec)
    import torch

    from rankdet.training import config, record
    from rankdet.training.inference import build_model

    started, path = provenance.now(), Path(spec["checkpoint"])
    found = read_checkpoint(path)
    model = build_model(spec, "cpu")
    check_origin(path, found, config.class_names(config.load_manifest(spec)))
    state = fitted(path, found.weights, model.state_dict())
    with atomic(run_dir / MODEL) as temporary:
        torch.save({"state_dict": state}, temporary)
    written = record.run_record(
        spec, status=GIVEN, reason=None, training=None, device=device, started=started
    ).to_dict()
    origin = {"file": str(path), "sha256": sha256(path), "mmdet": found.mmdet or None}
    written["provenance"]["checkpoint"] = origin
    RunRecord.model_validate(written).to_disk(run_dir / RUN)


def check_version(path: Path, found: CheckpointFile) -> None:
    """Checks the version of mmdet that wrote a file.

    Raises:
        InputError: If it is 1.x, which counts classes from 1.
    """
    if found.mmdet.startswith(("0.", "1.")):
        raise InputError(
            f"{path}: written by mmdet {found.mmdet}, which numbers the classes in another way; "
            "convert it with tools/model_converters/upgrade_model_version.py of mmdet 2"
        )


def check_origin(path: Path, found: CheckpointFile, classes: Sequence[str]) -> None:
    """Compares the classes of the file with those of the dataset, and checks the version of mmdet.

    Raises:
        InputError: If the classes or their order differ, or the file is from mmdet 1.x, which
            counts classes from 1.
    """
    check_version(path, found)
    if not found.classes or found.classes == tuple(classes):
        return
    if len(found.classes) != len(classes):
        raise InputError(
            f"{path}: a detector of {len(found.classes)} classes, but the dataset has "
            f"{len(classes)}; test it on the data that it was trained for"
        )
    pairs = zip(found.classes, classes, strict=True)
    at, (theirs, ours) = next((i, pair) for i, pair in enumerate(pairs) if pair[0] != pair[1])
    raise InputError(
        f"{path}: class {at} is {theirs!r} in the file and {ours!r} in the dataset; the classes "
        "must be the same and in the same order"
    )


def fitted(path: Path, weights: Mapping[str, Any], model: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the weights under the names of a detector, complete.

    Args:
        path: The file, for messages.
        weights: Name to tensor, as in the file.
        model: The detector's state dict. It provides the values that only training needs.

    Raises:
        InputError: If names or shapes differ. The message names the first differences.
    """
    found = {new_name(name): tensor for name, tensor in weights.items()}
    wanted = {name for name in model if not TRAINING_ONLY.search(name)}
    shapes = [
        f"{name} is {_shape(found[name])} in the file and {_shape(model[name])} in the detector"
        for name in model
        if name in found and found[name].shape != model[name].shape
    ]
    missing = [name for name in model if name in wanted - found.keys()]
    unknown = [name for name in found if name not in model and _of_a_model(name)]
    faults = [
        *_listed("shapes differ", "; ", shapes),
        *_listed("not in the file", ", ", missing),
        *_listed("not in the detector", ", ", unknown),
    ]
    if faults:
        raise InputError(
            f"{path}: does not fit this detector: {'; '.join(faults)}; choose the detector, "
            "backbone and loss that it was trained with"
        )
    return {name: found.get(name, value) for name, value in model.items()}


def new_name(name: str) -> str:
    """Returns the name in mmdet 3.x of a weight of mmdet 2.x; other names stay."""
    for old, new in RENAMED:
        name = re.sub(old, new, name)
    return name


def _of_a_model(name: str) -> bool:
    return not name.startswith(NOT_OF_THE_MODEL) and not TRAINING_ONLY.search(name)


def _listed(words: str, between: str, names: Iterable[str]) -> list[str]:
    names = list(names)
    return [f"{words}: {first_of(names, SHOWN, between)}"] if names else []


def _shape(tensor: Any) -> str:
    return "x".join(map(str, tensor.shape)) or "a number"
