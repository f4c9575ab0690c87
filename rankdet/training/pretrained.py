"""Initial weights of a backbone. They are downloaded when a training starts."""

import json
import urllib.error
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from rankdet.errors import InputError

HUBS = {"torchvision": "torchvision_0.12.json", "open-mmlab": "openmmlab.json"}


def address(checkpoint: str) -> str:
    """Returns the URL of a named checkpoint; URLs and paths are returned unchanged.

    `torchvision://` names are looked up in mmengine's list, because mmengine would import
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
        raise InputError(f"pretrained weights {checkpoint!r}: mmengine does not know this name")
    return str(known[name])


def fetch(model: dict[str, Any]) -> dict[str, Any]:
    """Returns a model config whose backbone loads its weights from a local file.

    Args:
        model: An mmdet model config. The weights are downloaded if they are not in torch's cache.

    Raises:
        InputError: If the download fails. The message says where to save the file.
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
    """Returns the file in torch's cache; downloads it first if needed, and checks its sha256.

    The file name has the first digits of the sha256.
    """
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
            f"pretrained weights cannot be downloaded from {url}: {reason}; download them on "
            f"another machine and save them as {path}"
        ) from error
    return path
