"""The keys of a loss card, `CARD` in a file of `workflows/losses`.

`classification`, `box` and `balance` name a class as `type`; their other keys are its arguments.
`rankdet.study.card_checks` compares these with the class.
"""

from typing import Any, Literal

from pydantic import ConfigDict, Field

from rankdet.strict import Strict

Arguments = dict[str, Any]
# What PAA clusters its candidates by, instead of what the detector's file says.
Clustering = Literal["losses", "scores", "normalised-scores", "score-alone", "iou-alone"]


class Part(Strict):
    """A part of a card. Its values are used as written, so a number must not be a text."""

    model_config = ConfigDict(strict=True)


class Rates(Part):
    """Learning rates of one loss, for each preset of the detectors."""

    small: float | None = Field(None, gt=0)
    full: float | None = Field(None, gt=0)


class Training(Part):
    """The learning rates of a loss. The rate of a detector replaces the general one.

    `tuned` is the record of `rankdet tune` that the rates are from, a file of the repository.
    """

    lr: Rates = Rates()
    lr_by_detector: dict[str, Rates] = Field({})
    tuned: str | None = Field(None, min_length=1)


class Test(Part):
    """How the scores of a loss become detections."""

    __test__ = False  # pytest would take it for a test because of its name

    score_threshold: float | None = Field(None, ge=0, le=1)
    nms_iou: float | None = Field(None, ge=0, le=1)
    max_per_image: int | None = Field(None, ge=1)
    nms_pre: int | None = Field(None, ge=1)


class BoxCoder(Part):
    """How mmdet encodes the deltas of boxes."""

    type: Literal["DeltaXYWHBBoxCoder"]
    target_means: list[float] | None = Field(None, min_length=4, max_length=4)
    target_stds: list[float] | None = Field(None, min_length=4, max_length=4)
    clip_border: bool | None = None
    add_ctr_clamp: bool | None = None
    ctr_clamp: int | None = Field(None, ge=0)


class Head(Part):
    """Options of the heads of one-stage detectors."""

    centerness: bool | None = None
    scale: bool | None = None
    clustering: Clustering | None = None
    bbox_coder: BoxCoder | None = None


class Stage(Part):
    """The loss in one head of a two-stage detector; keys left out are as in the card itself."""

    classification: Arguments = Field({})
    box: Arguments = Field({})
    balance: Arguments = Field({})
    weight: float | None = Field(None, gt=0)
    sampler: Literal["none", "random", "all"] | None = None
    delta_stds: list[float] | None = Field(None, min_length=4, max_length=4)
    prior: float | None = Field(None, gt=0, lt=1)


class BoxHead(Stage):
    """The loss in the box heads, whose scores become detections."""

    test: Test = Test()


class Mask(Part):
    """How the masks are trained."""

    type: Literal["stock", "cross_entropy", "dice"] | None = None
    weight: float | None = Field(None, gt=0)
    weighting: Literal["none", "score"] | None = None
    cap: int | None = Field(None, ge=1)
    balance: Arguments = Field({})


class Variant(Part):
    """What a variant changes in its card."""

    title: str
    classification: Arguments = Field({})
    box: Arguments = Field({})
    balance: Arguments = Field({})
    head: Head = Head()
    rpn: Stage = Stage()
    rcnn: BoxHead = BoxHead()
    mask: Mask = Mask()
    training: Training = Training()
    test: Test = Test()
    collapse_above: float | None = Field(None, gt=0)
    hyperparameters: list[str] = Field([])
    not_with: dict[str, str] = Field({})  # a detector or family to the reason


class Card(Variant):
    """A loss: its parts, its learning rates, its source, and its variants."""

    name: str
    paper: str | None = None
    authors: str | None = None
    citation: str | None = None
    url: str | None = None
    variants: dict[str, Variant] = Field({})
