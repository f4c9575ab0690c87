"""The weights that a backbone starts from: fetched when a training starts, never earlier."""

import json
import urllib.error
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from rankdet.errors import InputError

HUBS = {"torchvision": "torchvision_0.12.json", "open-mmlab": "openmmlab.json"}


def address(checkpoint: str) -> str:
    """Returns the URL of a named checkpoint; URLs and paths stay as they are.

    `torchvision://` names are looked up in mmengine's own list, since mmengine would import
    torchvision for them.

    Args:
        checkpoint: Such as `torchvision://resnet50` or `open-mmlab://resnext101_64x4d`.

    Raises:
        InputError: If the name is not in the list.
    """
    hub, separator, name = checkpoint.partition("://")
    if not separator or hub not in HUBS:
        return checkpoint
    import mmengine

    known = json.loads((Path(mmengine.__file__).parent / "hub" / HUBS[hub]).read_text())
    if name not in known:
        raise InputError(f"pretrained weights {checkpoint!r}: mmengine knows no such name")
    return known[name]


def fetch(model: dict[str, Any]) -> dict[str, Any]:
    """Returns a model's config whose backbone starts from a local file, fetched if need be.

    Args:
        model: An mmdet model config.

    Raises:
        InputError: If the weights cannot be fetched: one line that says where to put them.
    """
    initial = (model.get("backbone") or {}).get("init_cfg") or {}
    if initial.get("type") != "Pretrained":
        return model
    url = address(initial["checkpoint"])
    if urlparse(url).scheme not in ("http", "https"):
        return model
    model["backbone"]["init_cfg"] = {**initial, "checkpoint": str(_cached(url))}
    return model


def _cached(url: str) -> Path:
    """Downloads into torch's own cache; a file name ends with the start of its sha256."""
    from torch import hub

    path = Path(hub.get_dir()) / "checkpoints" / Path(urlparse(url).path).name
    if path.is_file():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        prefix = hub.HASH_REGEX.search(path.name)
        hub.download_url_to_file(url, str(path), prefix and prefix.group(1), progress=False)
    except (OSError, RuntimeError, urllib.error.URLError) as error:
        reason = " ".join(str(getattr(error, "reason", None) or error).split())
        raise InputError(
            f"pretrained weights cannot be fetched from {url}: {reason}; fetch them on another "
            f"machine and put them at {path}"
        ) from error
    return path
