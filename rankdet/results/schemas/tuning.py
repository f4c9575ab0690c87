"""`rankdet tune`: which settings were tried for each loss, and which were the best."""

from typing import Any, ClassVar

from rankdet.results.schemas.base import Number, Part, Record


class TunedData(Part):
    """The data of a search.

    Attributes:
        name: The dataset's name in the study.
        words: Where scores come from, such as `held-out shapes`.
        split: The held-out split.
        seed: Seed of the built-in data, or of the choice of images.
        checksum: Of both splits.
    """

    name: str
    kind: str
    words: str
    split: str
    seed: int
    train_images: int
    held_out_images: int
    checksum: str


class Measurement(Part):
    """How fast short trainings were, before the search; see `rankdet.tuning.budget.Pace`."""

    key: str
    epochs: int
    iterations: int
    iteration: Number
    image: Number
    images: int
    rest: Number
    start: Number


class TriedSettings(Part):
    """The settings of a trial.

    Attributes:
        factor: Of the loss's rate in its card or study.
        lr: The learning rate.
        grad_clip: Largest norm of the gradient; None: not clipped.
        warmup: Iterations of warm-up in the whole schedule.
    """

    factor: Number
    lr: Number
    grad_clip: Number | None = None
    warmup: int = 0


class RungLength(Part):
    """A rung: how many candidates train, and for how long."""

    candidates: int
    epochs: int
    iterations: int


class Trial(TriedSettings):
    """One training.

    Attributes:
        key: Hash of everything on which the training depends.
        rung: From 1 on.
        score: AP; 0 if the training collapsed or diverged.
        outcome: `trained`, `collapsed` or `diverged`; `outcome_reason` says why.
        AP, AP50, oLRP: On the held-out split, in [0, 1]; None if undefined.
        seconds: Training and evaluation.
    """

    key: str
    rung: int
    score: Number
    outcome: str
    outcome_reason: str | None = None
    AP: Number | None = None
    AP50: Number | None = None
    oLRP: Number | None = None
    iterations: int
    epochs: int
    seconds: Number
    seconds_per_iteration: Number | None = None


class Search(Part):
    """The trials of one loss on one detector.

    Attributes:
        loss: With its variants, `alrp+iou`.
        rate: The rate of the loss in its card or study, which the factors multiply.
        schedule: The schedule of the study for this detector, without the rate.
        candidates: What was tried, the nearest to the loss's own settings first.
        rungs: The plan.
        trials: By rung. While a search goes on, also those of an earlier search.
        best: The best trial of the last rung; None while the search goes on.
        edge: Whether the best rate is the lowest or highest of several.
        edge_side: `lowest` or `highest`; None if it is neither.
        learned: Whether the best trial has a score above 0 and an AP50 of at least .05; in older
            records whether its score is above 0.
        iterations: Of all trials; equal for all losses of a detector with the same plan.
        seconds: Of all trials.
    """

    detector: str
    backbone: str = ""
    loss: str
    rate: Number
    schedule: dict[str, Any]
    pace: Measurement
    candidates: list[TriedSettings]
    rungs: list[RungLength]
    trials: list[Trial]
    best: Trial | None = None
    edge: bool = False
    edge_side: str | None = None
    learned: bool = False
    iterations: int = 0
    seconds: Number = 0
    commit: str | None = None
    finished: str | None = None


class TuningRecord(Record):
    """The record of a search.

    Attributes:
        seeds: `data` and `training`.
        jobs: Trainings at a time, each with one thread.
        budget_minutes: The time to which the search was cut; None if there was none.
        hardware, versions, commit, dirty: Of the last call.
    """

    SCHEMA: ClassVar[str] = "rankdet.tuning/1"

    study: str
    preset: str
    data: TunedData
    seeds: dict[str, int]
    jobs: int
    budget_minutes: Number | None = None
    hardware: dict[str, Any]
    versions: dict[str, str]
    commit: str | None = None
    dirty: bool | None = None
    started: str
    finished: str | None = None
    searches: list[Search]

    def search(self, detector: str, backbone: str, loss: str) -> Search | None:
        """Returns the search of a pair; the loss's variants may be in any order."""
        wanted = (detector, backbone, *_parts(loss))
        same = (o for o in self.searches if (o.detector, o.backbone, *_parts(o.loss)) == wanted)
        return next(same, None)


def _parts(loss: str) -> tuple[str, frozenset[str]]:
    name, *variants = loss.split("+")
    return name, frozenset(variants)
