"""What a run depends on, as hashes: config, loss and code. Titles and comments do not count."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from rankdet.errors import InputError
from rankdet.files import shown
from rankdet.repository import CODE, product
from rankdet.study import cards, detectors
from rankdet.study.code import parts
from rankdet.study.code.code_hashes import CodeHashes
from rankdet.study.code.data_files import data_files
from rankdet.study.code.imports import installed_versions
from rankdet.study.code.tree import Grain, Tree, our_tree

# What each step of the workflow executes: files, and all files below folders. For the steps in
# `MODEL_STEPS` the adapters of a run's detector are added.
STEPS = {
    "data": ("rankdet/datasets",),
    "train": ("rankdet/training/run.py", "rankdet/detectors/ops"),
    "cost": ("rankdet/training/cost.py", "rankdet/detectors/ops"),
    "given": ("rankdet/training/given_weights.py", "rankdet/detectors/ops"),
    "imported": ("rankdet/results/imported.py",),
    "predict": ("rankdet/training/inference.py", "rankdet/detectors/ops"),
    "thresholds": ("rankdet/results/thresholds.py",),
    "evaluate": (
        "rankdet/evaluation/evaluate.py",
        "rankdet/evaluation/metrics",  # the metric registry names its functions
        "rankdet/results/metrics_record.py",
    ),
    "lrp_check": ("rankdet/evaluation/lrp_check.py", "rankdet/evaluation/lrp_released.py"),
    "sweep": ("rankdet/results/sweep.py",),
    "tables": ("rankdet/papers/table.py", "rankdet/papers/export.py"),
    "figures": ("rankdet/papers/figures.py",),
    "leaderboard": ("rankdet/results/leaderboard.py",),
    "report": ("rankdet/report", "reports"),
}
MODEL_STEPS = ("train", "cost", "given", "predict")
WITHOUT_LOSSES = ("given", "predict")  # inference does not use the loss
PACE_ONLY = ("checkpoint_every", "log_every", "workers", "keep_state")  # keys that change no number


def digest(*values: Any) -> str:
    """Returns a short hash of JSON-serialisable values; the order of keys does not matter."""
    text = json.dumps(values, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def code_hash(grains: Iterable[Grain], tree: Tree) -> str:
    """Returns the hash of statements without comments, docstrings and layout."""
    ordered = sorted((tree.name(path), i, path) for path, i in grains)
    return digest([[name, tree.source(path).text(i)] for name, i, path in ordered])


@lru_cache
def step_hash(step: str, root: Path = CODE) -> str:
    """Returns the hash of everything that a step of the workflow executes for every run.

    Args:
        step: A key of `STEPS`.
        root: The folder that has our package.
    """
    return _step_hash(step, "", "", root)


def model_code_hash(step: str, detector: Mapping[str, Any], root: Path = CODE) -> str:
    """Returns the hash of everything that a step executes for one detector.

    In `rankdet/detectors`, only the adapters of the detector's family and head count. The
    loss does not count: `loss_hash` covers it.

    Args:
        step: One of `MODEL_STEPS`.
        detector: The detector's file.
        root: The folder that has our package.
    """
    return _step_hash(step, detector["family"], detector.get("head", ""), root)


@lru_cache
def _step_hash(step: str, family: str, head: str, root: Path) -> str:
    return _kept(root, f"step {step} {family} {head}", lambda: _made(step, family, head, root))


def _made(step: str, family: str, head: str, root: Path) -> str:
    tree = our_tree(root)
    others = [
        [path.name, hashlib.sha256(path.read_bytes()).hexdigest()]
        for path in _of_step(step, root)
        if path.suffix != ".py"
    ]
    return digest(code_hash(_reached(step, family, head, tree), tree), sorted(others))


def _kept(root: Path, name: str, make: Callable[[], str]) -> str:
    """The text of that name for the code below a root, made only if the code was edited."""
    # For other code, the dicts of names in the running process would count too.
    return _code_hashes(root).get(name, make) if root == CODE else make()


@lru_cache
def _code_hashes(root: Path) -> CodeHashes:
    others = {
        one for of_step in STEPS.values() for one in of_step if one.split("/")[0] != "rankdet"
    }
    places = [root / "rankdet", *(_place(root, one) for one in others)]

    def files() -> list[Path]:
        there = (
            place for place in places if place.exists()
        )  # a missing one is reported at its use
        return [path for place in there for path in _files(place)]

    return CodeHashes(files, root)


def _of_step(step: str, root: Path) -> list[Path]:
    return [path for place in STEPS[step] for path in _files(_place(root, place))]


def _reached(step: str, family: str, head: str, tree: Tree) -> set[Grain]:
    """The statements that a step executes, for one family and head of detectors or for all."""
    grains: set[Grain] = set()
    for path in _of_step(step, tree.root):
        grains |= tree.whole(path) if path.suffix == ".py" else set()
    if family:
        grains |= parts.adapters(family, head, tree)
    closed = parts.by_name(tree, losses=step not in WITHOUT_LOSSES) if step in MODEL_STEPS else None
    return tree.reach(grains, closed) if closed else tree.reach(grains)


def files_hash(files: Iterable[Path], root: Path = CODE) -> str:
    """Returns the hash of Python files that are loaded by path, and of the code they use."""
    tree = our_tree(root)
    grains = {grain for path in files for grain in tree.whole(path)}
    return code_hash(tree.reach(grains), tree)


def _place(root: Path, name: str) -> Path:
    """The file or folder of a step: of the package, or of the product's other files."""
    return (root if name.startswith("rankdet/") else product(root)) / name


def _files(place: Path) -> list[Path]:
    if place.is_file():
        return [place]
    kept = (".py", ".j2", ".css", ".js", ".rst", ".html")
    paths = sorted(path for path in place.rglob("*") if path.suffix in kept)
    if not paths:
        raise InputError(f"{shown(place)}: missing: the installation is incomplete; make it again")
    skipped = ("__pycache__", "html", "example")  # `reports/html` and `example` are written reports
    return [p for p in paths if not set(p.relative_to(place).parts[:-1]) & set(skipped)]


def loss_hash(
    file: cards.LossFile,
    card: Mapping[str, Any],
    detector: Mapping[str, Any],
) -> str:
    """Returns the hash of a loss for a detector: its card, its file, and what they use.

    That is code, the versions of installed packages, and files that the user's modules read.

    Args:
        file: The loss's file.
        card: The card with variants merged in.
        detector: The detector's file: it decides which parts of the card are used.

    Raises:
        InputError: If a classification type of the card is not defined anywhere.
    """
    reached = _loss_grains(file, card, detector)
    versions = installed_versions(file.path, reached, file.tree)
    further = [found for found in (versions, data_files(reached, file.tree)) if found]
    return digest(training_card(card, detector), code_hash(reached, file.tree), *further)


def _loss_grains(
    file: cards.LossFile, card: Mapping[str, Any], detector: Mapping[str, Any]
) -> set[Grain]:
    tree = file.tree
    body = tree.source(file.path).body
    own = {grain for grain in tree.whole(file.path) if not cards.is_card(body[grain[1]])}
    grains = own | parts.loss_parts(file.path, card, detector, tree)
    return tree.reach(grains, parts.by_name(tree, baselines=False))


def loss_files(
    file: cards.LossFile, card: Mapping[str, Any], detector: Mapping[str, Any]
) -> dict[str, str]:
    """Returns the files and installed packages that a loss uses, each with a hash or a version.

    These are its own file, modules, and files that they read.

    Args:
        file: The loss's file.
        card: The card with variants merged in.
        detector: The detector's file.
    """
    reached = _loss_grains(file, card, detector)
    versions = installed_versions(file.path, reached, file.tree)
    return {**_by_file(reached, file.tree), **data_files(reached, file.tree), **versions}


def model_code_files(step: str, detector: Mapping[str, Any], root: Path = CODE) -> dict[str, str]:
    """Returns the files that a step executes for one detector, each with a hash.

    Args:
        step: One of `MODEL_STEPS`.
        detector: The detector's file.
        root: The folder that has our package.
    """
    return dict(_code_files(step, detector["family"], detector.get("head", ""), root))


@lru_cache
def _code_files(step: str, family: str, head: str, root: Path) -> dict[str, str]:
    def make() -> str:
        tree = our_tree(root)
        return json.dumps(_by_file(_reached(step, family, head, tree), tree))

    return dict(json.loads(_kept(root, f"files {step} {family} {head}", make)))


def _by_file(grains: Iterable[Grain], tree: Tree) -> dict[str, str]:
    """Each file of some statements, by its name, to the hash of these statements."""
    of_file: dict[Path, list[Grain]] = {}
    for grain in grains:
        of_file.setdefault(grain[0], []).append(grain)
    found = {
        tree.name(path) if tree.is_shipped(path) else shown(path): code_hash(some, tree)
        for path, some in of_file.items()
    }
    return dict(sorted(found.items()))


def training_card(card: Mapping[str, Any], detector: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the keys of a merged card on which training depends, apart from learning rates."""
    kept = ["name", "classification", "box", "balance", "head", "collapse_above"]
    if detector.get("masks"):
        kept.append("mask")
    if detector["family"] != "two-stage":
        return {key: card[key] for key in kept if card.get(key)}
    kept.append("rpn")
    boxes = {key: value for key, value in card.get("rcnn", {}).items() if key != "test"}
    return {**{key: card[key] for key in kept if card.get(key)}, "rcnn": boxes}


def config_hash(detector: Mapping[str, Any], preset: str, schedule: Mapping[str, Any]) -> str:
    """Returns the hash of the training settings of a run, apart from its loss."""
    left_out = (*detectors.DISPLAY, *detectors.PRESETS)
    kept = {key: value for key, value in detector.items() if key not in left_out}
    times = {key: value for key, value in schedule.items() if key not in PACE_ONLY}
    return digest(kept, preset, detector[preset], times)
