"""Files in `workflows/`: cards of losses, detectors and backbones."""

import ast
import json
import random
from pathlib import Path
from typing import Any

import yaml

from rankdet.repository import BACKBONES, DETECTORS, LOSSES
from tests.fuzz.mutations import Broken, broken_bytes, broken_data, broken_yaml
from tests.fuzz.outcome import Try, fault_of


def cards(folder: Path) -> Try:
    from rankdet.study.cards import find_card, load_loss

    bases = {}
    for path in sorted(LOSSES.glob("[!_]*.py")):
        found: dict[str, Any] = {}
        exec(f"card = {_text(find_card(path))}", found)
        bases[path] = found["card"]

    def read(name: str) -> None:
        file = load_loss(name, folder)
        for variant in file.card.get("variants", {}):
            file.title(variant)
            json.dumps(file.variant(variant), allow_nan=False).encode()

    def attempt(rng: random.Random) -> tuple[str, str | None]:
        path = rng.choice(list(bases))
        text = path.read_text()
        if rng.random() < 0.2:
            broken = broken_bytes(rng, text.encode())
        else:
            changed, what, never = broken_data(rng, bases[path])
            code = f"CARD = {changed!a}\n{text.replace('CARD = ', 'OTHER = ')}"
            broken = Broken(code.encode(), what, never)
        for old in folder.glob("*.py"):
            old.unlink()
        (folder / path.name).write_bytes(broken.content)
        return f"{path.stem}: {broken.what}", fault_of(lambda: read(path.stem), broken.never)

    return attempt


def _text(node: Any) -> str:
    return ast.unparse(node)


def detectors(folder: Path) -> Try:
    from rankdet.study.detectors import load_detector

    bases = {path.stem: yaml.safe_load(path.read_text()) for path in DETECTORS.glob("*.yaml")}

    def attempt(rng: random.Random) -> tuple[str, str | None]:
        name = rng.choice(sorted(bases))
        broken = _broken_model(rng, bases[name]) or broken_yaml(rng, bases[name])
        for old in folder.glob("*.yaml"):
            old.unlink()
        (folder / f"{name}.yaml").write_bytes(broken.content)
        call = lambda: load_detector(name, rng.choice(("small", "full")), folder)  # noqa: E731
        return f"{name}: {broken.what}", fault_of(call, broken.never)

    return attempt


def _broken_model(rng: random.Random, data: Any) -> Broken | None:
    """Sometimes a key of mmdet's model with a typo, which mmdet refuses hours later."""
    presets = [data.get(key) or {} for key in ("small", "full")]
    parts = [p[k] for p in presets for k in ("backbone", "neck") if p.get(k)]
    if rng.random() > 0.2 or not parts:
        return None
    text = yaml.safe_dump(data, sort_keys=False)
    key = rng.choice([key for key in rng.choice(parts) if key != "type"])
    typo = f"{key[:-1]}:" if rng.random() < 0.5 else f"{key}x:"
    return Broken(text.replace(f"{key}:", typo).encode(), f"{key} written {typo}", True)


def backbones(folder: Path) -> Try:
    from rankdet.study.backbones import backbone_names, load_backbone

    base = yaml.safe_load(BACKBONES.read_text())
    path = folder / "backbones.yaml"

    def read(names: list[str]) -> None:
        backbone_names(path)
        for name in names:
            load_backbone(name, "full", path)

    def attempt(rng: random.Random) -> tuple[str, str | None]:
        chosen = dict(rng.sample(sorted(base.items()), 3))
        broken = broken_yaml(rng, chosen)
        path.write_bytes(broken.content)
        return broken.what, fault_of(lambda: read(list(chosen)), broken.never)

    return attempt
