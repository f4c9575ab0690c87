"""The weights that a training starts from: `init_from`, a file of ours, of mmdet or of the papers.

Layers whose shape depends on the number of classes keep their own initial weights if the file has
other classes; a note says so, and the record lists them.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from mmengine.hooks import Hook

from rankdet.errors import InputError
from rankdet.files import sha256
from rankdet.training import config
from rankdet.training.checkpoint_file import CheckpointFile, read_checkpoint
from rankdet.training.given_weights import SHOWN, check_version, fitted, new_name
from rankdet.training.hooks import inner_model

# State of losses, such as the weight of a self-balance: a training starts with its own.
STATE = re.compile(r"(^|\.)(criterion|balance|loss_\w+)(\.|$)")


@dataclass(frozen=True)
class FirstWeights:
    """Weights from a file that fit a detector.

    Attributes:
        path: The file.
        sha256: Its checksum.
        state: Name to tensor; without the layers that were left out.
        left_out: Names of layers of classes that the file has for other classes.
        why: Why they were left out, in a few words; empty if none was.
        mmdet: The version of mmdet that wrote the file; empty if unknown.
    """

    path: Path
    sha256: str
    state: Mapping[str, torch.Tensor]
    left_out: tuple[str, ...] = ()
    why: str = ""
    mmdet: str = ""

    def to_record(self) -> dict[str, Any]:
        """Returns what the record of the run says about them."""
        found = {"file": str(self.path), "sha256": self.sha256, "mmdet": self.mmdet or None}
        return {**found, "left_out": list(self.left_out)}

    @property
    def note(self) -> str:
        """A line for the user about the layers that were left out; empty if there are none."""
        if not self.left_out:
            return ""
        more = len(self.left_out) - SHOWN
        names = ", ".join(self.left_out[:SHOWN]) + (f" and {more} more" if more > 0 else "")
        return f"starts from {self.path} without its layers of classes ({names}): {self.why}"


def first_weights(
    spec: Mapping[str, Any], classes: Sequence[str], model: torch.nn.Module
) -> FirstWeights:
    """Reads the weights that a run starts from.

    Args:
        spec: The run's spec; `init_from` is the file.
        classes: Class names in the order of the labels.
        model: The run's detector.

    Raises:
        InputError: If the file is not there, cannot be read, has weights that are not finite, or
            does not fit the detector apart from its layers of classes.
    """
    path = Path(spec["init_from"])
    if not path.is_file():
        raise InputError(f"init_from: no such file: {path}; put it there")
    found = read_checkpoint(path)
    check_version(path, found)
    renamed = {new_name(name): tensor for name, tensor in found.weights.items()}
    weights = {name: tensor for name, tensor in renamed.items() if not STATE.search(name)}
    own = model.state_dict()
    _check_finite(path, weights)
    left_out, why = _other_classes(spec, classes, found, weights, own)
    kept = {name: tensor for name, tensor in weights.items() if name not in left_out}
    rest = {name: tensor for name, tensor in own.items() if name not in left_out}
    state = fitted(path, kept, rest)
    taken = {name: tensor for name, tensor in state.items() if name in kept}
    return FirstWeights(path, sha256(path), taken, tuple(left_out), why, found.mmdet)


def _check_finite(path: Path, weights: Mapping[str, torch.Tensor]) -> None:
    for name, tensor in weights.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise InputError(
                f"{path}: {name} has values that are not finite, such as those of a training that "
                "diverged; start from other weights"
            )


def _other_classes(
    spec: Mapping[str, Any],
    classes: Sequence[str],
    found: CheckpointFile,
    weights: Mapping[str, torch.Tensor],
    own: Mapping[str, torch.Tensor],
) -> tuple[list[str], str]:
    """The layers of classes that the file has for other classes, and why; none if it has not."""
    named = bool(found.classes) and found.classes != tuple(classes)
    shapes = any(n in weights and weights[n].shape != tensor.shape for n, tensor in own.items())
    if not named and not shapes:
        return [], ""
    of_classes = _layers_of_classes(spec, classes, own)
    differ = [
        name
        for name in own
        if name in of_classes
        and name in weights
        and (named or weights[name].shape != own[name].shape)
    ]
    return differ, _difference(found, classes) if differ else ""


def _layers_of_classes(
    spec: Mapping[str, Any], classes: Sequence[str], own: Mapping[str, torch.Tensor]
) -> Collection[str]:
    """The names whose shape is another one in the same detector with one more class."""
    from mmdet.registry import MODELS

    settings = config.model_settings(spec, (*classes, "one class more"))
    with torch.random.fork_rng(devices=[]):  # the run's own draws stay the same
        larger = MODELS.build(settings).state_dict()
    return {name for name, tensor in own.items() if larger[name].shape != tensor.shape}


def _difference(found: CheckpointFile, classes: Sequence[str]) -> str:
    here = f"{len(classes)} classes here"
    if not found.classes:
        return f"they are for other classes or another loss, with {here}"
    if len(found.classes) != len(classes):
        return f"{len(found.classes)} classes there, {here}"
    pairs = zip(found.classes, classes, strict=True)
    at = next((i for i, (theirs, ours) in enumerate(pairs) if theirs != ours), None)
    if at is None:
        return "another loss has other logits for the same classes"
    return f"class {at} is {found.classes[at]!r} there and {classes[at]!r} here"


class FirstWeightsHook(Hook):
    """Loads the weights into the detector when a training starts; not when it is resumed.

    Args:
        first: The weights; set when the detector was built. None: the detector's own.
        note: Prints a line for the user.
    """

    def __init__(self, note: Callable[[str], None] | None = None) -> None:
        self.first: FirstWeights | None = None
        self.note = note

    def before_train(self, runner: Any) -> None:
        """Loads them, if no iteration was made yet."""
        if self.first is None or runner.iter:
            return
        inner_model(runner).load_state_dict(self.first.state, strict=False)
        if self.note and self.first.note:
            self.note(self.first.note)


def first_weights_hook(hooks: Iterable[Any]) -> FirstWeightsHook:
    """Returns the hook of a runner that knows which weights the training starts from."""
    return next(hook for hook in hooks if isinstance(hook, FirstWeightsHook))
