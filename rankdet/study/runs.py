"""The runs of a study: every dataset × detector × loss × seed that its config names."""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from rankdet.errors import InputError
from rankdet.results.epochs import KeptEpoch
from rankdet.study.config.groups import RunGroup
from rankdet.study.config.model import StudyConfig
from rankdet.study.config.schedule import ScheduleChange, TestSettings
from rankdet.study.recipes import Case
from rankdet.suggest import choice

UNTRAINED = "untrained"
GIVEN = "given"  # in the key of a run whose checkpoint is given
NO_WEIGHTS = "none"  # `init_from` of a group that does not start from the weights of the study


def split_loss(loss: str) -> tuple[str, str]:
    """Returns the loss without its variants, and the variants, joined by `+` (may be empty)."""
    name, _, variant = loss.partition("+")
    return name, variant


def same_loss(loss: str) -> tuple[str, frozenset[str]]:
    """Returns a key that is equal for one loss with the same variants in any order."""
    name, variant = split_loss(loss)
    return name, frozenset(variant.split("+"))


def run_key(wildcards: Mapping[str, str]) -> str:
    """Returns the key of the run of a job (without `loss`: the untrained detector)."""
    loss = wildcards.get("loss", UNTRAINED)
    return f"{wildcards['dataset']}/{wildcards['detector']}/{loss}/seed{wildcards['seed']}"


@dataclass(frozen=True)
class Run:
    """One dataset × detector × loss × seed.

    Attributes:
        dataset: A name in the config's `datasets`.
        detector: A file of `workflows/detectors`, without `.yaml`.
        loss: The loss with its variants, `alrp+iou+no-sb`, or `untrained`.
        seed: Seed of the training.
        splits: The splits on which the run is evaluated, the main split first.
        schedule_change: What the run's group changes in the study's schedule.
        test_change: What the run's group changes in the study's test settings.
        schedule_name: The paper's schedule that the run follows, or the name that its group gives
            to its own; empty for the study's schedule.
        backbone: Entries of `workflows/backbones.yaml`; empty for the detector's default backbone.
        score_thresholds: Further score thresholds at which the run is evaluated and timed.
        test_variants: Further tests by name, and what each changes in the run's test settings.
        kept_epochs: Epochs of a paper's schedule after which the training keeps its weights.
        checkpoint: File whose weights are tested without a training; empty for a training.
        init_from: File of the weights that the training starts from, or the key of another run;
            empty for initial weights of its own.
        group: The index in the config's `runs`, for messages; None for a run of a paper's table.
        cases: What the paper's schedule changes for this run; see `rankdet.study.recipes`.
    """

    dataset: str
    detector: str
    loss: str
    seed: int
    splits: tuple[str, ...]
    schedule_change: ScheduleChange
    test_change: TestSettings
    schedule_name: str = ""
    backbone: str = ""
    score_thresholds: tuple[float, ...] = ()
    test_variants: tuple[tuple[str, TestSettings], ...] = ()
    kept_epochs: tuple[KeptEpoch, ...] = ()
    checkpoint: str = ""
    init_from: str = ""
    group: int | None = field(default=None, compare=False)
    cases: tuple[Case, ...] = field(default=(), compare=False)

    @property
    def key(self) -> str:
        """The run's folder below its study's folder."""
        schedule = GIVEN if self.checkpoint else self.schedule_name
        loss = f"{self.loss}@{schedule}" if schedule else self.loss
        model = f"{self.detector}@{self.backbone}" if self.backbone else self.detector
        return f"{self.dataset}/{model}/{loss}/seed{self.seed}"

    @property
    def identity(self) -> tuple[Hashable, ...]:
        """A key that is equal for equal runs, for any order of the loss's variants."""
        model = (self.dataset, self.detector, self.backbone)
        return *model, same_loss(self.loss), self.seed, self.schedule_name

    @property
    def untrained(self) -> bool:
        """Whether the detector keeps the weights with which training would start."""
        return self.loss == UNTRAINED

    @property
    def trained(self) -> bool:
        """Whether the study trains it: neither an untrained detector nor a given checkpoint."""
        return not self.untrained and not self.checkpoint

    @property
    def loss_name(self) -> str:
        """The loss without its variants."""
        return split_loss(self.loss)[0]

    @property
    def variant(self) -> str:
        """The variants, joined by `+`; empty for the loss without variants."""
        return split_loss(self.loss)[1]


def expand(config: StudyConfig, source: str, more: Iterable[Run] = ()) -> list[Run]:
    """Returns all runs of a study, the untrained detectors first.

    Detectors, losses and backbones are only names here; `rankdet.study.resolve` loads them.

    Args:
        config: The checked config.
        source: The config file's name, for messages.
        more: Further runs. An equal run of the config replaces it.

    Raises:
        InputError: If one run is planned twice with different settings.
    """
    runs: dict[tuple[Hashable, ...], Run] = {}
    for index, group in enumerate(config.runs):
        for run in _group(config, group, index):
            other = runs.setdefault(run.identity, run)
            if other != run:
                raise InputError(
                    f"{source}: runs[{index}]: {run.key} is planned twice, with other settings or "
                    f"as {other.key}; leave one of them out"
                )
    for run in more:
        first = _first_weights(config, run.detector, None, run.seed)
        runs.setdefault(run.identity, replace(run, init_from=first))
    trained = list(runs.values())
    for detector in config.init_from if isinstance(config.init_from, dict) else ():
        if detector not in (known := dict.fromkeys(run.detector for run in trained)):
            raise InputError(f"{source}: init_from.{detector}: no run; {choice(detector, known)}")
    return [*_untrained(trained), *trained] if config.untrained else trained


def _group(config: StudyConfig, group: RunGroup, index: int) -> Iterator[Run]:
    for detector in group.detectors:
        for loss in group.losses:
            for seed in group.seeds:
                yield Run(
                    dataset=group.dataset,
                    detector=detector,
                    loss=loss,
                    seed=seed,
                    splits=tuple(config.splits),
                    schedule_change=group.schedule or ScheduleChange(),
                    schedule_name=group.schedule_name or "",
                    kept_epochs=tuple(sorted({*map(KeptEpoch.parse, group.keep_epochs)})),
                    test_change=group.test or TestSettings(),
                    backbone=group.backbone or "",
                    score_thresholds=tuple(group.score_thresholds),
                    test_variants=tuple(group.test_variants.items()),
                    checkpoint=group.checkpoint or "",
                    init_from=""
                    if group.checkpoint
                    else _first_weights(config, detector, group.init_from, seed),
                    group=index,
                )


def _first_weights(config: StudyConfig, detector: str, of_group: str | None, seed: int) -> str:
    """The weights that a run starts from, as the config names them; empty if it has none."""
    found = config.init_from
    if isinstance(found, dict):
        found = found.get(detector)
    name = of_group or found or NO_WEIGHTS
    return "" if name == NO_WEIGHTS else name.replace("{seed}", str(seed))


def _untrained(runs: list[Run]) -> list[Run]:
    """One untrained model for each dataset, detector and backbone, on the main split alone."""
    first: dict[tuple[str, str, str], Run] = {}
    for run in runs:
        first.setdefault((run.dataset, run.detector, run.backbone), run)
    own: dict[str, Any] = {"loss": UNTRAINED, "schedule_name": ""}
    own["score_thresholds"] = own["test_variants"] = ()
    own["checkpoint"] = own["init_from"] = ""
    own["kept_epochs"] = ()
    return [replace(r, splits=r.splits[:1], **own) for r in first.values()]
