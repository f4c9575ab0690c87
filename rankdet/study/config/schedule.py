"""How the runs of a study are trained and tested: `schedule` and `test` of its config."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from rankdet.datasets.options import Fraction
from rankdet.study import batches
from rankdet.study.config.exact import Exact
from rankdet.study.config.paramwise import Paramwise

LossName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._+-]*$", max_length=120)]
SIDES = range(32, 4097)  # pixels
MOST_GPUS = 64
AS_PUBLISHED = "as published"  # `gpus`: those of the paper's release, see `rankdet.study.published`
LEAST_RATE, LEAST_FACTOR = 1e-12, 1e-6  # below them nothing is learned
SCOPE = re.compile(r"gpu|batch|image|groups of [1-9][0-9]*")


def _image_size(value: Any) -> Any:
    numbers = value if isinstance(value, list | tuple) else [value, value]
    whole = all(isinstance(n, int) and not isinstance(n, bool) and n in SIDES for n in numbers)
    if len(numbers) != 2 or not whole or numbers[0] > numbers[1]:
        raise PydanticCustomError(
            "rule",
            "found {value}; give a side or [shorter side, longest side], in pixels from {low} on",
            {"value": repr(value)[:60], "low": SIDES.start},
        )
    return value


def _sides(value: Any) -> Any:
    whole = isinstance(value, list | tuple) and all(
        isinstance(n, int) and not isinstance(n, bool) and n in SIDES for n in value
    )
    if not whole or len(value) < 2 or list(value) != sorted(set(value)):
        raise PydanticCustomError(
            "rule",
            "found {value}; give at least two sides in rising order, in pixels from {low} on",
            {"value": repr(value)[:60], "low": SIDES.start},
        )
    return value


def _rank_scope(value: Any) -> Any:
    if not isinstance(value, str) or not SCOPE.fullmatch(value):
        raise PydanticCustomError(
            "rule",
            "found {value}; it should be gpu, batch, image or 'groups of n'",
            {"value": repr(value)[:60]},
        )
    return value


def _gpus(value: Any) -> Any:
    whole = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_GPUS
    if not whole and value not in (None, AS_PUBLISHED):
        raise PydanticCustomError(
            "rule",
            "found {value}; give a number from 1 to {most}, or '{word}'",
            {"value": repr(value)[:60], "most": MOST_GPUS, "word": AS_PUBLISHED},
        )
    return value


def _rising(value: list[float]) -> list[float]:
    if value != sorted(set(value)):
        raise PydanticCustomError(
            "rule",
            "found {value}; give fractions of the training in rising order",
            {"value": repr(value)[:60]},
        )
    return value


Gpus = Annotated[
    Annotated[int, Field(ge=1, le=MOST_GPUS)] | Literal["as published"], BeforeValidator(_gpus)
]
RankScope = Annotated[str, BeforeValidator(_rank_scope)]
ImageSize = Annotated[int | list[int], BeforeValidator(_image_size)]
SIZE = "Side of the square that images are fitted into, or [shorter side, limit of longer], pixels"


class ScheduleChange(Exact):
    """What a group of runs changes in the study's schedule; all keys are optional."""

    image_size: ImageSize | None = Field(None, description=SIZE)
    keep_ratio: bool | None = Field(
        None, description="`false` stretches training images to the whole square, as SSD does"
    )
    multi_scale: Annotated[list[int], BeforeValidator(_sides)] | None = Field(
        None,
        description=(
            "Shorter sides in training, pixels: a range (two) or a list; one is drawn per image"
        ),
    )
    augmentation: Literal["none", "ssd", "ssd-crop", "ssd-lighting"] | None = Field(
        None,
        description=(
            "`ssd`: colours, expansion, crops; `ssd-crop`: without expansion; `ssd-lighting`: "
            "with lighting noise"
        ),
    )
    min_box: float | None = Field(
        None, ge=0, description="Boxes with a side below this, in pixels, are not used in training"
    )
    oversample: Fraction | None = Field(
        None,
        description="Images with classes on a smaller share of images are repeated (LVIS)",
    )
    batch_size: int | None = Field(None, ge=1, description="Images per iteration")
    gpus: Gpus | None = Field(
        None,
        description=(
            "GPUs of one training: processes, on a CPU too; `as published`: GPUs and images per "
            "GPU of the paper's release"
        ),
    )
    images_per_gpu: int | None = Field(None, ge=1, description="Images per GPU in one forward pass")
    accumulate: int | None = Field(
        None, ge=1, description="Forward passes of one iteration; their gradients are averaged"
    )
    rank_scope: RankScope | None = Field(
        None,
        description=(
            "Images that are ranked together: all images of a `gpu`, the `batch` of all GPUs, each "
            "`image` alone, or `groups of n` images of a GPU"
        ),
    )
    precision: Literal["fp32", "bf16", "fp16"] | None = Field(
        None, description="Number format in forward passes; fp16 needs a GPU"
    )
    sync_bn: bool | None = Field(
        None, description="Whether batch norms use the images of all GPUs; GPUs only"
    )
    compile: bool | None = Field(
        None, description="Whether torch.compile is used for backbone and neck"
    )
    channels_last: bool | None = Field(
        None, description="Whether images and weights are stored with channels last; for GPUs"
    )
    iterations: int | None = Field(
        None, ge=1, description="Length of the training; rounded up to whole epochs"
    )
    epochs: int | None = Field(
        None, ge=1, description="Length of the training, instead of `iterations`"
    )
    warmup: int | None = Field(None, ge=0, description="Iterations of linear warm-up")
    warmup_ratio: Fraction | None = Field(
        None, gt=0, description="Share of the learning rate at which the warm-up starts"
    )
    lr_policy: Literal["step", "cosine"] | None = Field(
        None, description="How the rate falls: at `lr_steps`, or along a cosine to 0"
    )
    lr: float | dict[LossName, float] | None = Field(
        None, description="Learning rate, or losses to rates; default: the loss card's"
    )
    lr_factor: float | None = Field(
        None,
        ge=LEAST_FACTOR,
        le=1000,
        description="Factor on the learning rate of `lr` or of the loss card",
    )
    lr_steps: Annotated[list[Fraction], AfterValidator(_rising)] | None = Field(
        None, description="Where the rate falls to a tenth, as fractions of the training"
    )
    stop_after: Fraction | None = Field(
        None,
        gt=0,
        description="Training ends after this fraction; rates fall as in the whole training",
    )
    optimizer: Literal["sgd", "adamw"] | None = Field(None, description="The optimiser")
    momentum: Fraction | None = Field(None, description="Momentum of SGD")
    weight_decay: float | None = Field(None, ge=0, description="Weight decay of the optimiser")
    betas: list[Annotated[float, Field(ge=0, lt=1)]] | None = Field(
        None, min_length=2, max_length=2, description="The two betas of AdamW"
    )
    paramwise: Paramwise | None = Field(
        None, description="Factors on learning rate and weight decay of parts of the detector"
    )
    ema: float | None = Field(
        None,
        gt=0,
        lt=1,
        description=(
            "Weights are averaged over iterations, and the average is tested: the share of the old "
            "average that an iteration keeps"
        ),
    )
    grad_clip: float | None = Field(
        None, gt=0, description="Largest L2 norm of the gradient; larger ones are scaled down"
    )
    flip: bool | None = Field(None, description="Whether training flips images at random")
    checkpoint_every: int | None = Field(
        None, ge=1, description="Iterations between the checkpoints that a run resumes from"
    )
    keep_state: bool | None = Field(
        None,
        description=(
            "Whether the state at the end of a training is kept, so that epochs can be added "
            "later; default: true"
        ),
    )
    log_every: int | None = Field(None, ge=1, description="Iterations between lines of the log")
    workers: int | None = Field(
        None,
        ge=0,
        description=(
            "Processes that load images; 0 loads them in the training process; default: on "
            "a GPU `threads` minus 1, at most 8; on a CPU 0"
        ),
    )

    @model_validator(mode="after")
    def _published_is_a_whole_batch(self) -> "ScheduleChange":
        if self.gpus != AS_PUBLISHED:
            return self
        for key in batches.OF_A_BATCH:
            if key != "gpus" and getattr(self, key) is not None:
                raise PydanticCustomError(
                    "rule",
                    "gpus: {word} sets the whole batch, but {key} is given too; leave one out",
                    {"word": AS_PUBLISHED, "key": key},
                )
        return self

    @model_validator(mode="after")
    def _one_length(self) -> "ScheduleChange":
        if self.iterations is not None and self.epochs is not None:
            raise PydanticCustomError("rule", "both iterations and epochs are given; give one")
        if self.multi_scale and self.keep_ratio is False:
            raise PydanticCustomError(
                "rule", "multi_scale and `keep_ratio: false` exclude each other; leave one out"
            )
        rates = self.lr.values() if isinstance(self.lr, dict) else [self.lr]
        for rate in rates:
            if rate is not None and not LEAST_RATE <= rate <= 10:
                raise PydanticCustomError(
                    "rule",
                    "lr: found {rate}; give a number from {least} to 10",
                    {"rate": rate, "least": f"{LEAST_RATE:g}"},
                )
        return self


class Schedule(ScheduleChange):
    """How the runs of a study are trained."""

    image_size: ImageSize = Field(description=SIZE)

    @model_validator(mode="after")
    def _has_a_batch(self) -> "Schedule":
        if self.gpus != AS_PUBLISHED:
            batches.shared(self.model_dump(include={*batches.OF_A_BATCH}, exclude_none=True))
        return self

    @model_validator(mode="after")
    def _has_length(self) -> "Schedule":
        if self.iterations is None and self.epochs is None:
            raise PydanticCustomError("rule", "neither iterations nor epochs is given; give one")
        return self


class TestSettings(Exact):
    """How detections are made from scores; keys left out are as in the loss card."""

    __test__ = False  # pytest would take it for a test because of its name

    score_threshold: Fraction | None = Field(None, description="Lowest score kept before NMS")
    nms_iou: Fraction | None = Field(None, description="IoU above which NMS removes a box")
    max_per_image: int | None = Field(None, ge=1, description="Most detections per image")
    nms_pre: int | None = Field(None, ge=1, description="Best boxes per level that enter NMS")
    image_size: ImageSize | None = Field(None, description=f"{SIZE}; default: as in training")
    keep_ratio: bool | None = Field(
        None, description="`false` stretches test images to the whole square"
    )
    multi_scale: list[ImageSize] | None = Field(
        None, min_length=1, description="Image sizes whose detections are merged by NMS"
    )
    flip: bool | None = Field(None, description="Whether to detect in the flipped image too")
    thresholds: Literal["none", "lrp"] | None = Field(
        None,
        description="`lrp`: drops detections below the LRP-optimal score threshold of their class",
    )
