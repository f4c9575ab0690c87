"""The keys of a study's config file; `config/README.md` teaches them.

A description here is what an editor shows for the key (through `config/schema.json`).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BeforeValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from rankdet.datasets.options import Fraction, Text
from rankdet.errors import InputError
from rankdet.strict import Strict, read
from rankdet.study.config.datasets import Dataset, Name
from rankdet.study.config.renamed import with_new_names
from rankdet.suggest import choice

LossName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._+-]*$", max_length=120)]
DetectorName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._@+-]*$", max_length=80)]
BackboneName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._+-]*$", max_length=80)]
SIDES = range(32, 4097)  # pixels


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


ImageSize = Annotated[int | list[int], BeforeValidator(_image_size)]
SIZE = "Side of a square that images are fitted into, or [shorter side, most of the longer], pixels"


class ScheduleChange(Strict):
    """What a group of runs changes in the study's schedule; every key may be left out."""

    image_size: ImageSize | None = Field(None, description=SIZE)
    keep_ratio: bool | None = Field(
        None, description="`false` stretches training images to the whole square, as SSD does"
    )
    multi_scale: Annotated[list[int], BeforeValidator(_sides)] | None = Field(
        None,
        description=(
            "Shorter sides in training, pixels: two are a range to draw from, more are the choices"
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
        None, ge=0, description="Boxes with a shorter side than this are not trained on, pixels"
    )
    oversample: Fraction | None = Field(
        None, description="Images of classes on a smaller share of the images are repeated (LVIS)"
    )
    batch_size: int | None = Field(None, ge=1, description="Images per iteration")
    iterations: int | None = Field(
        None, ge=1, description="Length of the training; rounded up to whole epochs"
    )
    epochs: int | None = Field(None, ge=1, description="Length of the training, instead")
    warmup: int | None = Field(None, ge=0, description="Iterations of linear warm-up")
    warmup_ratio: Fraction | None = Field(
        None, gt=0, description="Share of the learning rate that the warm-up starts from"
    )
    lr_policy: Literal["step", "cosine"] | None = Field(
        None, description="How the rate falls: at `lr_steps`, or along a cosine to 0"
    )
    lr: float | dict[LossName, float] | None = Field(
        None, description="Learning rate, or loss to learning rate; else the loss card's own"
    )
    lr_steps: list[Fraction] | None = Field(
        None, description="Where the rate falls to a tenth, as fractions of the training"
    )
    stop_after: Fraction | None = Field(
        None, gt=0, description="Training ends after this fraction; rates fall as if it went on"
    )
    optimizer: Literal["sgd", "adamw"] | None = Field(None, description="The optimiser")
    momentum: Fraction | None = Field(None, description="Momentum of SGD")
    weight_decay: float | None = Field(None, ge=0, description="Weight decay of the optimiser")
    grad_clip: float | None = Field(
        None, gt=0, description="Largest L2 norm of the gradient; larger ones are scaled down"
    )
    flip: bool | None = Field(None, description="Whether training flips images at random")
    checkpoint_every: int | None = Field(
        None, ge=1, description="Iterations between the checkpoints that a run resumes from"
    )
    log_every: int | None = Field(None, ge=1, description="Iterations between lines of the log")
    workers: int | None = Field(None, ge=0, description="Processes that load images; 0: none")

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
            if rate is not None and not 0 < rate <= 10:
                raise PydanticCustomError(
                    "rule", "lr: found {rate}; give a number above 0", {"rate": rate}
                )
        return self


class Schedule(ScheduleChange):
    """How the runs of a study are trained."""

    image_size: ImageSize = Field(description=SIZE)
    batch_size: int = Field(ge=1, description="Images per iteration")

    @model_validator(mode="after")
    def _has_length(self) -> "Schedule":
        if self.iterations is None and self.epochs is None:
            raise PydanticCustomError("rule", "neither iterations nor epochs is given; give one")
        return self


class TestSettings(Strict):
    """How detections are made from scores; what is left out is the loss card's own."""

    __test__ = False  # not a test, whatever pytest makes of the name

    score_threshold: Fraction | None = Field(None, description="Lowest score kept before NMS")
    nms_iou: Fraction | None = Field(None, description="IoU above which NMS removes a box")
    max_per_image: int | None = Field(None, ge=1, description="Most detections per image")
    nms_pre: int | None = Field(None, ge=1, description="Best boxes per level that enter NMS")
    image_size: ImageSize | None = Field(None, description=f"{SIZE}; else that of training")
    keep_ratio: bool | None = Field(
        None, description="`false` stretches test images to the whole square"
    )
    multi_scale: list[ImageSize] | None = Field(
        None, min_length=1, description="Image sizes whose detections are put together by NMS"
    )
    flip: bool | None = Field(None, description="Whether to detect in the mirrored image too")
    thresholds: Literal["none", "lrp"] | None = Field(
        None,
        description="`lrp`: drops detections below the LRP-optimal score threshold of their class",
    )


class RunGroup(Strict):
    """Every detector with every loss with every seed, on one dataset."""

    dataset: Name = Field(description="One of `datasets`")
    detectors: list[Name] = Field(
        min_length=1, description="Files of `workflows/detectors`, without `.yaml`"
    )
    losses: list[LossName] = Field(
        min_length=1,
        description="Files of `workflows/losses`, without `.py`; variants after `+`",
    )
    backbone: BackboneName | None = Field(
        None, description="Of `workflows/backbones.yaml`, joined by `+`; else the detectors' own"
    )
    seeds: list[Annotated[int, Field(ge=0)]] = Field(
        [1], min_length=1, description="One run each; tables give the mean and its interval"
    )
    schedule: ScheduleChange | None = Field(None, description="Changes for this group alone")
    test: TestSettings | None = Field(None, description="Changes for this group alone")
    test_variants: dict[Name, TestSettings] = Field(
        {},
        description="Further tests of the same trainings: name to what each changes in `test`",
    )
    score_thresholds: list[Fraction] = Field(
        [], description="AP, oLRP and images per second also at these lowest scores before NMS"
    )

    checkpoint: Text | None = Field(
        None, description="File of weights that is tested without a training; one detector and loss"
    )

    @model_validator(mode="after")
    def _one_checkpoint_is_one_run(self) -> "RunGroup":
        several = [k for k in ("detectors", "losses", "seeds") if len(getattr(self, k)) > 1]
        if self.checkpoint and several:
            raise PydanticCustomError(
                "rule",
                "checkpoint: one file is one run, but {key} has several",
                {"key": several[0]},
            )
        return self

    @model_validator(mode="after")
    def _thresholds_differ(self) -> "RunGroup":
        if len(set(self.score_thresholds)) < len(self.score_thresholds):
            raise PydanticCustomError("rule", "score_thresholds: one is named twice; leave one out")
        return self


class RunsOfTables(Strict):
    """The runs that the study's tables and figures show, beside those that `runs` lists."""

    datasets: dict[Name, Name] = Field(
        min_length=1,
        description=(
            "The papers' datasets (`coco`, `minitrain`, `lvis`, …) to this study's; rows on other "
            "datasets have no values of ours"
        ),
    )
    seeds: list[Annotated[int, Field(ge=0)]] = Field(
        [1], min_length=1, description="One run each; tables give the mean and its interval"
    )
    schedules: Literal["papers"] | dict[Name, ScheduleChange] = Field(
        {},
        description=(
            "`papers`: as the papers trained (`workflows/schedules.yaml`); or those of "
            "their schedules that get runs of their own, and what they change in this study's"
        ),
    )


class Cost(Strict):
    """Losses whose cost is measured on the machine that makes the study."""

    detectors: list[DetectorName] = Field(
        min_length=1,
        description="Files of `workflows/detectors`, without `.yaml`; a backbone after `@`",
    )
    losses: list[LossName] = Field(
        min_length=1,
        description="Files of `workflows/losses`; the others are compared with the first",
    )
    preset: Literal["small", "full"] = Field("full", description="Size of the detectors")
    image_size: int = Field(512, ge=64, description="Side of the images in pixels")
    batch_size: int = Field(1, ge=1, description="Images per iteration")
    classes: int = Field(80, ge=1, description="How many classes; COCO has 80")
    rounds: int = Field(3, ge=1, description="Losses take turns this often; the best time counts")


class StudyConfig(Strict):
    """A study: data, runs, how they are trained and tested, and what is made of them."""

    study: Name = Field(description="Name of the study, and of its folder below `results/`")
    title: Text = Field(description="Heading of the report")
    scale: Text = Field(description="Banner over every page: at which scale the numbers were made")
    preset: Literal["small", "full"] = Field(
        description="`small`: thin detectors for CPUs, from scratch; `full`: the papers' own"
    )
    data_root: Text | None = Field(None, description="Where relative paths of datasets start")
    datasets: dict[Name, Dataset] = Field(min_length=1, description="Name to dataset")
    runs: list[RunGroup] = Field([], description="Groups of runs")
    runs_of_tables: RunsOfTables | None = Field(
        None, description="Also makes the runs that `tables` and `figures` show"
    )
    schedule: Schedule = Field(description="How the runs are trained")
    test: TestSettings = Field(TestSettings(), description="How detections are made")
    splits: list[Name] = Field(
        ["val"], min_length=1, description="Splits to evaluate on; the first one fills the tables"
    )
    untrained: bool = Field(
        True, description="Whether an untrained model of each detector is evaluated beside"
    )
    tables: list[str] = Field(
        [], description="Files of `analysis/papers`, without `.yaml`; a paper's name; or `all`"
    )
    figures: list[str] = Field(
        [], description="Files of `analysis/papers`, without `.yaml`; a paper's name; or `all`"
    )
    cost: Cost | None = Field(
        None, description="Also measure what losses cost: alone, and in an iteration"
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="`auto` takes a GPU where there is one"
    )
    threads: int = Field(1, ge=1, description="CPU threads of one training")


def load_config(path: Path) -> dict[str, Any]:
    """Reads a study's YAML file as it stands.

    Raises:
        InputError: If there is no such file, or it is not a YAML mapping.
    """
    try:
        values = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a text file"
        raise InputError(f"{path}: the study cannot be read: {reason}") from None
    except yaml.YAMLError as error:
        raise InputError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict):
        raise InputError(f"{path}: a study is a mapping of keys, found {values!r:.40}")
    return values


def check_config(values: Mapping[str, Any], source: str) -> StudyConfig:
    """Returns the checked config of a study.

    Raises:
        InputError: One line with the key path, what was found, and the nearest valid key or value.
    """
    config = read(StudyConfig, with_new_names(values, source), source)
    if len(set(config.splits)) < len(config.splits):
        raise InputError(f"{source}: splits: a split is named twice in {config.splits}")
    if not config.runs and config.runs_of_tables is None:
        raise InputError(f"{source}: neither runs nor runs_of_tables is given; nothing to train")
    for index, group in enumerate(config.runs):
        _check_dataset(config, group.dataset, source, f"runs[{index}].dataset")
    for name, dataset in (config.runs_of_tables.datasets if config.runs_of_tables else {}).items():
        _check_dataset(config, dataset, source, f"runs_of_tables.datasets.{name}")
    return config


def _check_dataset(config: StudyConfig, dataset: str, source: str, where: str) -> None:
    if dataset not in config.datasets:
        hint = choice(dataset, config.datasets)
        raise InputError(f"{source}: {where}: found {dataset!r}; {hint}")
    known = config.datasets[dataset].split_names
    for index, split in enumerate(config.splits):
        if split not in known:
            raise InputError(
                f"{source}: splits[{index}]: found {split!r}; dataset {dataset!r} has: "
                f"{', '.join(known)}"
            )
