"""The runs of a study: every dataset × detector × loss × seed that its config names."""

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from rankdet.errors import InputError
from rankdet.study import backbones, cards, compatibility, detectors
from rankdet.study.config.model import RunGroup, ScheduleChange, StudyConfig, TestSettings
from rankdet.suggest import choice

UNTRAINED = "untrained"


def split_loss(loss: str) -> tuple[str, str]:
    """Returns the loss's own name and its variants (joined by `+`, perhaps none)."""
    name, _, variant = loss.partition("+")
    return name, variant


def same_loss(loss: str) -> tuple[str, frozenset[str]]:
    """Returns a key that is equal for one loss with the same variants in any order."""
    name, variant = split_loss(loss)
    return name, frozenset(variant.split("+"))


@dataclass(frozen=True)
class Run:
    """One dataset × detector × loss × seed.

    Attributes:
        loss: The loss with its variants, `alrp+iou+no-sb`, or `untrained`.
        splits: What it is evaluated on, the main split first.
        schedule: What its group changes in the study's schedule.
        test: What its group changes in the study's test settings.
        schedule_name: The paper's schedule that `schedule` stands for; empty for the study's own.
        epoch: The epoch of the paper's schedule that it ends after; empty for the end.
        backbone: One of `workflows/backbones.yaml`; empty for the detector's own.
        score_thresholds: Lowest scores before NMS at which it is evaluated and timed besides.
        test_variants: Further tests by name, and what each changes in the run's test settings.
    """

    dataset: str
    detector: str
    loss: str
    seed: int
    splits: tuple[str, ...]
    schedule: ScheduleChange
    test: TestSettings
    schedule_name: str = ""
    backbone: str = ""
    epoch: str = ""
    score_thresholds: tuple[float, ...] = ()
    test_variants: tuple[tuple[str, TestSettings], ...] = ()

    @property
    def key(self) -> str:
        """The run's place below its study's folder."""
        ended = f"epoch{self.epoch}" if self.epoch else ""
        loss = "@".join(
            filter(None, [self.loss, "-".join(filter(None, [self.schedule_name, ended]))])
        )
        model = f"{self.detector}@{self.backbone}" if self.backbone else self.detector
        return f"{self.dataset}/{model}/{loss}/seed{self.seed}"

    @property
    def identity(self) -> tuple[Hashable, ...]:
        """Equal for what is the same run, whatever the order of its loss's variants."""
        model = (self.dataset, self.detector, self.backbone)
        return *model, same_loss(self.loss), self.seed, self.schedule_name, self.epoch

    @property
    def untrained(self) -> bool:
        """Whether this is a detector as training would start from it."""
        return self.loss == UNTRAINED

    @property
    def loss_name(self) -> str:
        """The loss without its variants."""
        return split_loss(self.loss)[0]

    @property
    def variant(self) -> str:
        """The variants, joined by `+`; empty for the loss as it is."""
        return split_loss(self.loss)[1]


def expand(config: StudyConfig, source: str, more: Iterable[Run] = ()) -> list[Run]:
    """Returns all runs of a study, the untrained detectors first.

    Args:
        config: The checked config.
        source: The config file's name, for messages.
        more: Runs beside those that the config lists; a listed one counts instead of its equal.

    Raises:
        InputError: If a detector, loss or variant is unknown, or one run is planned twice with
            different settings.
    """
    runs: dict[tuple[Hashable, ...], Run] = {}
    for index, group in enumerate(config.runs):
        for run in _group(config, group, f"{source}: runs[{index}]"):
            other = runs.setdefault(run.identity, run)
            if other != run:
                raise InputError(
                    f"{source}: runs[{index}]: {run.key} is planned twice, with other settings or "
                    f"as {other.key}; leave one of them out"
                )
    for run in more:
        runs.setdefault(run.identity, run)
    trained = list(runs.values())
    return [*_untrained(trained), *trained] if config.untrained else trained


def _group(config: StudyConfig, group: RunGroup, where: str) -> Iterator[Run]:
    for index, detector in enumerate(group.detectors):
        known = detectors.detector_names()
        if detector not in known:
            raise InputError(
                f"{where}.detectors[{index}]: unknown detector {detector!r}; "
                f"{choice(detector, known)}"
            )
        spec = detectors.load_detector(detector, config.preset)
        if group.backbone:
            _check_backbone(config, group.backbone, f"{where}.backbone")
        if spec.get("masks") and not getattr(config.datasets[group.dataset], "masks", True):
            raise InputError(
                f"{where}.detectors[{index}]: {detector!r} needs masks, but dataset "
                f"{group.dataset!r} says `masks: false`"
            )
    for index, loss in enumerate(group.losses):
        _check_loss(loss, f"{where}.losses[{index}]")
    for detector in group.detectors:
        for loss in group.losses:
            _check_pair(config, detector, loss, where)
            for seed in group.seeds:
                yield Run(
                    dataset=group.dataset,
                    detector=detector,
                    loss=loss,
                    seed=seed,
                    splits=tuple(config.splits),
                    schedule=group.schedule or ScheduleChange(),
                    test=group.test or TestSettings(),
                    backbone=group.backbone or "",
                    score_thresholds=tuple(group.score_thresholds),
                    test_variants=tuple(group.test_variants.items()),
                )


def _check_backbone(config: StudyConfig, name: str, where: str) -> None:
    try:
        backbones.load_backbone(name, config.preset)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _check_loss(loss: str, where: str) -> None:
    name, variant = split_loss(loss)
    known = cards.loss_names()
    if name not in known:
        raise InputError(f"{where}: unknown loss {name!r}; {choice(name, known)}")
    file = cards.load_loss(name)
    try:
        file.variant(variant)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _check_pair(config: StudyConfig, detector: str, loss: str, where: str) -> None:
    name, variant = split_loss(loss)
    card = cards.load_loss(name).variant(variant)
    spec = detectors.load_detector(detector, config.preset)
    reason = compatibility.objection(spec, name, variant, card)
    if reason:
        raise InputError(
            f"{where}: loss {loss!r} does not train detector {detector!r}: {reason}; move one of "
            "them to another group of runs"
        )


def _untrained(runs: list[Run]) -> list[Run]:
    """One untrained model for each dataset, detector and backbone, on the main split alone."""
    first: dict[tuple[str, str, str], Run] = {}
    for run in runs:
        first.setdefault((run.dataset, run.detector, run.backbone), run)
    own: dict[str, Any] = {"loss": UNTRAINED, "schedule_name": "", "epoch": ""}
    own["score_thresholds"] = own["test_variants"] = ()
    return [replace(r, splits=r.splits[:1], **own) for r in first.values()]
