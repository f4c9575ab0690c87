"""Detector files, `workflows/detectors/<name>.yaml` or the user's: passed on unchanged."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from rankdet.detectors.families import FAMILIES
from rankdet.errors import InputError
from rankdet.files import read_yaml, shown
from rankdet.repository import named_files
from rankdet.results.layout import reserved
from rankdet.study.compatibility import OFFERS
from rankdet.study.model_keys import unknown_keys
from rankdet.study.named import only_file
from rankdet.suggest import choice, nearest

DISPLAY = ("title", "citation", "url", "offers", "not_with")  # no effect on any number
PRESETS = ("small", "full")
TEXTS = ("citation", "url", "head")  # may be left out
KEYS = ("name", "title", "family", "base", "masks", "offers", "not_with", *TEXTS, *PRESETS)


def detector_names() -> list[str]:
    """Returns every detector that has a file."""
    return list(named_files("detectors"))


def load_detector(name: str, preset: str, folder: Path | None = None) -> dict[str, Any]:
    """Reads a detector's file.

    Args:
        name: The detector.
        preset: `small` or `full`.
        folder: The folder of its file; None for the product's and the user's places.

    Raises:
        InputError: If the detector is unknown, its file has an error, or it has no such preset.
    """
    files = named_files("detectors")
    if folder is not None:
        files = {path.stem: [path] for path in folder.glob("*.yaml")}
    path = only_file("detector", name, files)
    spec = _read(path, path.stat().st_mtime_ns)
    if preset not in spec:
        known = ", ".join(key for key in PRESETS if key in spec)
        raise InputError(
            f"{shown(path)}: detector {name!r} has no preset {preset!r}; it has: {known}"
        )
    return spec


@lru_cache
def _read(path: Path, _mtime: int) -> dict[str, Any]:
    if fault := reserved("detector", path.stem):
        raise InputError(f"{shown(path)}: {fault}")
    spec = read_yaml(path)
    for key in ("name", "title", "family", "base"):
        if not isinstance(spec, dict) or not isinstance(spec.get(key), str):
            raise InputError(f"{shown(path)}: {key}: missing; it must be a text")
    if not isinstance(spec.get("masks", False), bool):
        raise InputError(f"{shown(path)}: masks: found {spec['masks']!r}; give true or false")
    for key in (*PRESETS, *TEXTS):
        wanted, what = (dict, "a mapping") if key in PRESETS else (str, "a text")
        if spec.get(key) is not None and not isinstance(spec[key], wanted):
            raise InputError(f"{shown(path)}: {key}: found {spec[key]!r}; give {what}")
    for key in spec:
        if key not in KEYS:
            raise InputError(f"{shown(path)}: {key}: unknown key; {nearest(key, KEYS)}")
    _check_pairing(spec, path)
    if spec["name"] != path.stem:
        raise InputError(f"{shown(path)}: name is {spec['name']!r}; make it {path.stem!r}")
    if spec["family"] not in FAMILIES:
        hint = choice(spec["family"], FAMILIES)
        raise InputError(f"{shown(path)}: family: found {spec['family']!r}; {hint}")
    for preset in PRESETS:
        for fault in unknown_keys(spec["base"], spec.get(preset) or {}, spec.get("head") or ""):
            raise InputError(f"{shown(path)}: {preset}.{fault}")
    return spec


def _check_pairing(spec: dict[str, Any], path: Path) -> None:
    """Checks the keys about the losses that can train the detector."""
    offers, refused = spec.get("offers", []), spec.get("not_with", {})
    for word in offers if isinstance(offers, list) else [offers]:
        if not isinstance(offers, list) or word not in OFFERS:
            raise InputError(f"{shown(path)}: offers: found {word!r}; {choice(word, OFFERS)}")
    if not isinstance(refused, dict) or not all(isinstance(r, str) for r in refused.values()):
        raise InputError(f"{shown(path)}: not_with: give a mapping of losses to reasons (texts)")
