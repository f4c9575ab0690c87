"""What a run depends on, as hashes: config, loss and code. Titles and comments do not count."""

import ast
import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from rankdet.errors import InputError
from rankdet.files import shown
from rankdet.repository import ROOT
from rankdet.study import cards, detectors
from rankdet.study.fingerprint.source import Grain, Tree, our_tree
from rankdet.suggest import choice

# What each step of a run executes: a file, or all files below a folder.
STEPS = {
    "data": ("rankdet/datasets",),
    "train": ("rankdet/training/run.py", "rankdet/detectors"),
    "cost": ("rankdet/training/cost.py", "rankdet/detectors"),
    "predict": ("rankdet/training/inference.py", "rankdet/detectors"),
    "thresholds": ("rankdet/results/thresholds.py",),
    "evaluate": ("rankdet/evaluation/evaluate.py", "rankdet/results/metrics_record.py"),
    "lrp_check": ("rankdet/evaluation/lrp_check.py", "rankdet/evaluation/lrp_released.py"),
    "sweep": ("rankdet/results/sweep.py",),
    "tables": ("rankdet/papers/table.py", "rankdet/papers/export.py"),
    "figures": ("rankdet/papers/figures.py",),
    "leaderboard": ("rankdet/results/leaderboard.py",),
    "report": ("rankdet/report", "reports"),
}
BASELINES = "rankdet/detectors/baselines.py"  # mmdet's losses: each counts for its own loss alone
LEFT_OUT = {BASELINES}
PACE_ONLY = ("checkpoint_every", "log_every", "workers")  # keys that change no number


def digest(*parts: Any) -> str:
    """Returns a short hash of JSON-serialisable values; the order of keys does not matter."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def code_hash(grains: Iterable[Grain], tree: Tree) -> str:
    """Returns the hash of statements, comments, docstrings and layout left out."""
    ordered = sorted((path.relative_to(tree.root).as_posix(), i, path) for path, i in grains)
    return digest([[name, tree.source(path).text(i)] for name, i, path in ordered])


@lru_cache
def step_hash(step: str, root: Path = ROOT) -> str:
    """Returns the hash of everything that a step of the workflow executes.

    Args:
        step: A key of `STEPS`.
        root: The repository.
    """
    tree = our_tree(root)
    grains: set[Grain] = set()
    others = []
    for place in STEPS[step]:
        for path in _files(root / place):
            if path.suffix != ".py":
                others.append([path.name, hashlib.sha256(path.read_bytes()).hexdigest()])
            elif path.relative_to(root).as_posix() not in LEFT_OUT:
                grains |= tree.whole(path)
    return digest(code_hash(tree.reach(grains), tree), sorted(others))


def files_hash(files: Iterable[Path], root: Path = ROOT) -> str:
    """Returns the hash of Python files that are loaded by path, and of what they use."""
    tree = our_tree(root)
    grains = {grain for path in files for grain in tree.whole(path)}
    return code_hash(tree.reach(grains), tree)


def _files(place: Path) -> list[Path]:
    if place.is_file():
        return [place]
    kept = (".py", ".j2", ".css", ".js", ".rst", ".html")
    paths = sorted(path for path in place.rglob("*") if path.suffix in kept)
    if not paths:
        raise InputError(f"{shown(place)}: missing: the installation is not whole; clone it again")
    skipped = ("__pycache__", "html", "example")  # `reports/html` and `example` are written reports
    return [p for p in paths if not set(p.relative_to(place).parts[:-1]) & set(skipped)]


def loss_hash(loss: cards.LossFile, variant: str, root: Path = ROOT) -> str:
    """Returns the hash of a loss as it is trained: its merged card, its file, and what that uses.

    Raises:
        InputError: If a classification type of the card is defined nowhere.
    """
    tree = our_tree(root)
    card = loss.variant(variant)
    body = tree.source(loss.path).body
    own = {grain for grain in tree.whole(loss.path) if not cards.is_card(body[grain[1]])}
    for part in (card, card.get("rpn", {}), card.get("rcnn", {})):
        if "type" in part.get("classification", {}):
            own |= classification_grains(loss, part["classification"]["type"], tree)
    return digest(training_card(card), code_hash(tree.reach(own), tree))


def training_card(card: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the keys of a merged card that training depends on, learning rates apart."""
    kept = ("name", "classification", "box", "balance", "head", "rpn", "mask", "collapse_above")
    found = {key: card[key] for key in kept if key in card}
    boxes = {key: value for key, value in card.get("rcnn", {}).items() if key != "test"}
    return {**found, "rcnn": boxes} if boxes else found


def classification_grains(loss: cards.LossFile, name: str, tree: Tree) -> set[Grain]:
    """Finds the class of a card's classification part: in its file, our losses, or mmdet's.

    Raises:
        InputError: If it is in none of them.
    """
    source = tree.source(loss.path)
    if name in source.names:
        return {(loss.path, index) for index in source.names[name]}
    if name in source.imports:
        return tree.find(*source.imports[name])
    for module in ("rankdet.losses", _module(BASELINES)):
        found = tree.find(module, name)
        if found:
            return found
    line = cards.find_card(loss.path).lineno
    raise InputError(
        f"{shown(loss.path)}:{line}: CARD classification.type: found {name!r}; no class of this "
        f"name here, in rankdet.losses or in {BASELINES}; {choice(name, _known_classes(tree))}"
    )


def _module(path: str) -> str:
    return path.removesuffix(".py").replace("/", ".")


def _known_classes(tree: Tree) -> list[str]:
    names: set[str] = set()
    for path in (tree.root / "rankdet/losses/__init__.py", tree.root / BASELINES):
        source = tree.source(path)
        names |= {name for name, place in source.imports.items() if place[1]}
        names |= {node.name for node in source.body if isinstance(node, ast.ClassDef)}
    return sorted(name for name in names if name.endswith("Loss") and name != "BoxLoss")


def config_hash(
    detector: Mapping[str, Any], preset: str, schedule: Mapping[str, Any], root: Path = ROOT
) -> str:
    """Returns the hash of the training settings of a run, its loss apart."""
    kept = {k: v for k, v in detector.items() if k not in (*detectors.DISPLAY, *detectors.PRESETS)}
    times = {k: v for k, v in schedule.items() if k not in PACE_ONLY}
    return digest(kept, preset, detector[preset], times)
