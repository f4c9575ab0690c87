"""How an iteration's images are shared: GPUs x images per GPU x accumulated passes."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

OF_A_BATCH = ("batch_size", "gpus", "images_per_gpu", "accumulate")
GROUPS = "groups of "
SMALLEST_BF16 = 128  # pixels: the smallest map that a convolution reads is then 2 x 2


def shared(given: Mapping[str, Any]) -> dict[str, int]:
    """Returns how a batch is shared; missing sizes are computed from the given ones.

    Args:
        given: Some of `OF_A_BATCH`: `batch_size`, `images_per_gpu` or both. `gpus` is 1 if left
            out; `accumulate` follows from `batch_size` and `images_per_gpu`, else it is 1.

    Returns:
        All of `OF_A_BATCH`; the first is the product of the others.

    Raises:
        ValueError: If they do not fit together; one line.
    """
    batch, images = given.get("batch_size"), given.get("images_per_gpu")
    gpus, passes = given.get("gpus") or 1, given.get("accumulate")
    if images is None:
        if batch is None:
            raise ValueError("neither batch_size nor images_per_gpu is given; give one")
        images = batch // (gpus * (passes or 1))
    if batch is None:
        batch = gpus * images * (passes or 1)
    passes = passes or max(1, batch // (gpus * images or 1))
    if gpus * images * passes != batch:
        raise ValueError(
            f"batch_size {batch} is not gpus {gpus} x images_per_gpu {images} x accumulate {passes}"
            "; change one of them"
        )
    return dict(zip(OF_A_BATCH, (batch, gpus, images, passes), strict=True))


def changed(study: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, int]:
    """Returns how a batch is shared after a group's changes to the study's schedule.

    A change of `batch_size` or `images_per_gpu` replaces the study's sizes; the study's `gpus`
    stay. A change of `gpus` or `accumulate` alone keeps the study's batch size.

    Args:
        study: The study's schedule; keys without a value are left out.
        change: The group's changes, likewise.

    Returns:
        As `shared`; only `batch_size` if neither says how it is shared.

    Raises:
        ValueError: If they do not fit together; one line.
    """
    own = {key: change[key] for key in OF_A_BATCH if key in change}
    known = {key: study[key] for key in OF_A_BATCH if key in study}
    if not own:
        found = known
    elif "batch_size" in own or "images_per_gpu" in own:
        found = {key: value for key, value in known.items() if key == "gpus"} | own
    else:
        whole = shared(known)
        found = {"batch_size": whole["batch_size"], "gpus": whole["gpus"]} | own
    return shared(found) if found.keys() - {"batch_size"} else {**found}


def fitted(sizes: Mapping[str, int], most: int) -> tuple[dict[str, int], str]:
    """Returns how a batch is shared by fewer GPUs, and what differs, for the user.

    The batch size and the images of a pass do not change: fewer GPUs do more passes.

    Args:
        sizes: As `shared` returns them.
        most: How many GPUs there are.

    Returns:
        The sizes, and a note; the note is empty if there are enough GPUs.
    """
    gpus = sizes.get("gpus", 1)
    if gpus <= most:
        return dict(sizes), ""
    total = gpus * sizes["accumulate"]
    fewer = max(count for count in range(1, most + 1) if total % count == 0)
    found = {**sizes, "gpus": fewer, "accumulate": total // fewer}
    note = (
        f"{gpus} GPUs asked for, {most} here: gpus {fewer}, accumulate {found['accumulate']}; "
        f"{sizes['images_per_gpu']} images are ranked together, as on each of the {gpus}"
    )
    return found, note


def faults(schedule: Mapping[str, Any], device: str) -> str:
    """Returns why a schedule cannot be run on a device, in one line; empty if it can.

    Args:
        schedule: A run's schedule.
        device: The study's: `auto`, `cpu` or `cuda`.
    """
    if device == "cpu" and schedule.get("precision") == "fp16":
        return "precision: fp16 needs a GPU; use bf16 or fp32, or change `device: cpu`"
    if device == "cpu" and schedule.get("sync_bn"):
        return "sync_bn: true needs GPUs; leave it out, or change `device: cpu`"
    size = schedule["image_size"]
    shorter = min(size) if isinstance(size, list | tuple) else size
    if device == "cpu" and schedule.get("precision") == "bf16" and shorter < SMALLEST_BF16:
        return (
            f"precision: bf16 on a CPU needs an image_size of {SMALLEST_BF16} or more: PyTorch's "
            "convolution computes wrong gradients of 1 x 1 maps there"
        )
    scope = schedule.get("rank_scope", "")
    if scope.startswith(GROUPS):
        size = int(scope.removeprefix(GROUPS))
        images = schedule.get("images_per_gpu") or schedule["batch_size"]
        if images % size:
            return (
                f"rank_scope: {scope}, but a GPU has {images} images at a time; give a number that "
                f"divides {images}"
            )
    return ""


def gpus_here(device: str) -> int:
    """Returns the number of GPUs of this machine; 0 if the device is `cpu`."""
    if device == "cpu":
        return 0
    return len([path for path in Path("/dev").glob("nvidia[0-9]*") if path.name[6:].isdigit()])


def runs_on_gpus(device: str) -> bool:
    """Returns whether jobs request GPUs; for `auto`, whether a GPU or a Slurm cluster is here."""
    if device == "auto":
        return Path("/dev/nvidiactl").exists() or shutil.which("sbatch") is not None
    return device == "cuda"
