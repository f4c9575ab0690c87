"""How an iteration's images are shared: GPUs x images per GPU x accumulated passes."""

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


def fitted(sizes: Mapping[str, int], most: int) -> dict[str, int]:
    """Returns how a batch is shared by the GPUs that there are.

    The batch size and the images of a pass do not change: fewer GPUs do more passes.

    Args:
        sizes: As `shared` returns them.
        most: How many GPUs there are.
    """
    if sizes["gpus"] <= most:
        return dict(sizes)
    total = sizes["gpus"] * sizes["accumulate"]
    fewer = max(count for count in range(1, most + 1) if total % count == 0)
    return {**sizes, "gpus": fewer, "accumulate": total // fewer}


def gpu_note(
    asked: Mapping[str, int], found: Mapping[str, int], scope: str, most: int, published: str = ""
) -> str:
    """Returns which GPUs were chosen and what differs, for the user, in one line.

    Args:
        asked: As `shared` returns them: what the study asks for.
        found: As `fitted` returns them.
        scope: The run's `rank_scope`.
        most: How many GPUs there are.
        published: The paper's schedule that `asked` is from; empty if the study gave the numbers.

    Returns:
        The note; empty if the study gave the numbers and there are enough GPUs.
    """
    gpus, images, fewer = asked["gpus"], asked["images_per_gpu"], found["gpus"]
    if fewer == gpus and not published:
        return ""
    parts = [f"{gpus} GPUs asked for"]
    if published:
        parts = [f"{published}: as published, {gpus} x {images} images"]
    if fewer < gpus:
        parts[0] += f", {most} here: gpus {fewer}, accumulate {found['accumulate']}"
        parts.append(f"the batch stays {found['batch_size']}")
    # The released code ranks the images of each GPU, whatever scope the study has.
    before = images if published else _ranked(scope, images, gpus)
    other = "as in the release" if published else f"as with {gpus} GPUs"
    now = _ranked(scope, images, fewer)
    what = f"{now} images are ranked together" if now > 1 else "each image is ranked alone"
    parts.append(f"{what}, {other}" if now == before else f"{what}, not {before} {other}")
    if fewer < gpus:
        parts.append(f"means over {gpus} GPUs, such as the number of positives, are over {fewer}")
    return "; ".join(parts)


def _ranked(scope: str, images: int, gpus: int) -> int:
    """Returns how many images are ranked together."""
    if scope.startswith(GROUPS):
        return int(scope.removeprefix(GROUPS))
    return {"image": 1, "batch": images * gpus}.get(scope, images)


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


def runs_on_gpus(device: str, submitted: bool) -> bool:
    """Returns whether jobs request GPUs.

    Args:
        device: `auto`, `cpu` or `cuda`. For `auto`: whether a GPU is here, or jobs are submitted.
        submitted: Whether jobs run on other machines.
    """
    if device == "auto":
        return submitted or Path("/dev/nvidiactl").exists()
    return device == "cuda"
