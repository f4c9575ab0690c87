"""Backbones and necks that replace a detector's default ones: `workflows/backbones.yaml`."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from rankdet.errors import InputError
from rankdet.files import read_yaml, shown
from rankdet.repository import BACKBONES
from rankdet.study.detectors import PRESETS
from rankdet.suggest import choice, merged_by_type

REPLACED = ("backbone", "neck")  # parts of a detector that an entry may replace


def backbone_names(path: Path = BACKBONES) -> list[str]:
    """Returns every backbone and neck that the file has."""
    return list(_read(path, path.stat().st_mtime_ns))


def load_backbone(name: str, preset: str, path: Path = BACKBONES) -> dict[str, Any]:
    """Returns a backbone: its `title`, and what it changes in a detector with this preset.

    Args:
        name: An entry of the file, or several joined by `+`: `r101-dcn+carafe`.
        preset: `full` or `small`.
        path: The file.

    Raises:
        InputError: If one is unknown or has no such preset, two replace the same part, or the file
            has an error.
    """
    first, *others = [_entry(part, preset, path) for part in name.split("+")]
    for other in others:
        both = _replaced(first[preset]) & _replaced(other[preset])
        if both:
            raise InputError(
                f"backbone {name!r} names two that replace the {min(both)}; leave one of them out"
            )
        joined = {**first[preset], **other[preset]}
        joined["neck"] = {**first[preset].get("neck", {}), **other[preset].get("neck", {})}
        first = {"title": f"{first['title']}, {other['title']}", preset: joined}
    return first


def _entry(name: str, preset: str, path: Path) -> dict[str, Any]:
    backbones = _read(path, path.stat().st_mtime_ns)
    if name not in backbones:
        raise InputError(f"unknown backbone {name!r}; {choice(name, backbones)}")
    if preset not in backbones[name]:
        known = ", ".join(key for key in PRESETS if key in backbones[name])
        raise InputError(
            f"{shown(path)}: backbone {name!r} has no preset {preset!r}; it has: {known}"
        )
    return backbones[name]


def _replaced(part: dict[str, Any]) -> set[str]:
    """The parts of a detector that an entry replaces; a neck without a `type` is only adapted."""
    found = {"backbone": "backbone" in part, "neck": "type" in part.get("neck", {})}
    return {key for key in REPLACED if found[key]}


def with_backbone(spec: dict[str, Any], part: dict[str, Any], preset: str) -> dict[str, Any]:
    """Returns a detector's file in which a backbone or neck replaces the detector's default one.

    Args:
        spec: The detector's file.
        part: As `load_backbone` returns it.
        preset: `full` or `small`; the other preset is left out of the result.
    """
    kept = {key: value for key, value in spec.items() if key not in PRESETS}
    changed = _over(spec[preset] or {}, part[preset])
    return {**kept, preset: changed, "title": f"{spec['title']}, {part['title']}"}


def _over(own: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """Merges key by key; an entry of another `type` keeps the preset's channels and norm."""
    changed = merged_by_type(own, {k: v for k, v in part.items() if k not in REPLACED})
    for key in REPLACED:
        if key in part:
            changed[key] = {**own.get(key, {}), **part[key]}
    if "backbone" in part and own.get("backbone", {}).get("init_cfg", ...) is None:
        changed["backbone"]["init_cfg"] = None
    return changed


@lru_cache
def _read(path: Path, _mtime: int) -> dict[str, Any]:
    backbones = read_yaml(path)
    if not isinstance(backbones, dict):
        raise InputError(f"{shown(path)}: give a mapping of names to backbones")
    for name, entry in backbones.items():
        if not isinstance(entry, dict) or not isinstance(entry.get("title"), str):
            raise InputError(f"{shown(path)}: {name}: title: missing; it must be a text")
        for preset in PRESETS:
            part = entry.get(preset)
            known = part if isinstance(part, dict) else {}
            if preset in entry and not any(isinstance(known.get(k), dict) for k in REPLACED):
                raise InputError(
                    f"{shown(path)}: {name}.{preset}: neither backbone nor neck; give one"
                )
    return backbones
