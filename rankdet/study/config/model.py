"""The keys of a study's config file; `config/README.md` explains them.

An editor shows the descriptions here for the keys (through `config/schema.json`).
"""

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from rankdet.datasets.options import Fraction, Text
from rankdet.errors import InputError
from rankdet.files import read_yaml
from rankdet.results.layout import reserved
from rankdet.results.learning import LEARNED_AP50
from rankdet.strict import read
from rankdet.study.config.datasets import Dataset, Name
from rankdet.study.config.exact import Exact
from rankdet.study.config.imported import Imported
from rankdet.study.config.own_files import with_names
from rankdet.study.config.renamed import with_new_names
from rankdet.study.config.schedule import LossName, Schedule, ScheduleChange, TestSettings
from rankdet.suggest import choice

DetectorName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._@+-]*$", max_length=80)]
BackboneName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._+-]*$", max_length=80)]

EpochName = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]*-of-[1-9][0-9]*$")]
Seed = Annotated[int, Field(ge=0, lt=2**32)]  # NumPy's generators take no larger one


class RunGroup(Exact):
    """Every detector with every loss with every seed, on one dataset."""

    dataset: Name = Field(description="One of `datasets`")
    detectors: list[Name] = Field(
        min_length=1,
        description="Files of `workflows/detectors` or `detectors`, without `.yaml`; or paths",
    )
    losses: list[LossName] = Field(
        min_length=1,
        description="Files of `workflows/losses` or `losses`, without `.py`; or paths; + variants",
    )
    backbone: BackboneName | None = Field(
        None,
        description="`workflows/backbones.yaml`, joined by `+`; default: the detectors' backbones",
    )
    seeds: list[Seed] = Field(
        [1], min_length=1, description="One run for each; tables give the mean and its interval"
    )
    schedule: ScheduleChange | None = Field(None, description="Changes for this group only")
    schedule_name: Name | None = Field(
        None,
        description=(
            "Stores the runs in `<loss>@<name>`: a study can then train a loss more than once, "
            "with other schedules"
        ),
    )
    keep_epochs: list[EpochName] = Field(
        [],
        description="Intermediate epochs that are kept and tested, such as `50-of-100`",
    )
    test: TestSettings | None = Field(None, description="Changes for this group only")
    test_variants: dict[Name, TestSettings] = Field(
        {},
        description="Further tests of the trained models: name to changes in `test`",
    )
    score_thresholds: list[Fraction] = Field(
        [],
        description="Further score thresholds at which AP, oLRP and speed are measured",
    )

    checkpoint: Text | None = Field(
        None,
        description="File of weights, tested without training; one detector, one loss",
    )
    init_from: Text | None = Field(
        None,
        description=(
            "Weights that the training starts from: a file, or the key of another run; {seed} is "
            "the run's seed; `none`: not those of the study"
        ),
    )

    @model_validator(mode="after")
    def _one_checkpoint_is_one_run(self) -> "RunGroup":
        several = [k for k in ("detectors", "losses", "seeds") if len(getattr(self, k)) > 1]
        if self.checkpoint and several:
            raise PydanticCustomError(
                "rule",
                "checkpoint: a checkpoint gives one run, but {key} has several",
                {"key": several[0]},
            )
        return self

    @model_validator(mode="after")
    def _tested_or_trained(self) -> "RunGroup":
        if self.checkpoint and self.init_from:
            raise PydanticCustomError(
                "rule",
                "both checkpoint and init_from are given: checkpoint tests weights, init_from "
                "trains them; give one",
            )
        return self

    @model_validator(mode="after")
    def _epochs_are_on_the_way(self) -> "RunGroup":
        for name in self.keep_epochs:
            epoch, of = map(int, name.split("-of-"))
            if epoch >= of:
                raise PydanticCustomError(
                    "rule",
                    "keep_epochs: {name} is not before the end; give one such as 50-of-100",
                    {"name": name},
                )
        return self

    @model_validator(mode="after")
    def _thresholds_differ(self) -> "RunGroup":
        if len(set(self.score_thresholds)) < len(self.score_thresholds):
            raise PydanticCustomError(
                "rule", "score_thresholds: a value is listed twice; remove one"
            )
        return self


class RunsOfTables(Exact):
    """The runs that the study's tables and figures show, in addition to those in `runs`."""

    datasets: dict[Name, Name] = Field(
        min_length=1,
        description=(
            "The papers' datasets (`coco`, `minitrain`, `lvis`, …) to this study's; rows on other "
            "datasets get no values"
        ),
    )
    seeds: list[Seed] = Field(
        [1], min_length=1, description="One run for each; tables give the mean and its interval"
    )
    schedules: Literal["papers"] | dict[Name, ScheduleChange] = Field(
        {},
        description=(
            "`papers`: as in the papers (`workflows/schedules.yaml`); or a mapping of some of "
            "their schedules to changes in this study's: each gets separate runs"
        ),
    )


class Paths(Exact):
    """Where own losses, detectors and papers are, besides those of the package."""

    losses: list[Text] | None = Field(
        None,
        description="Folders or files of losses; default: the folder `losses`",
    )
    detectors: list[Text] | None = Field(
        None, description="Folders or files of detectors; default: the folder `detectors`"
    )
    papers: list[Text] | None = Field(
        None, description="Folders that have a folder for each paper; default: the folder `papers`"
    )


class Cost(Exact):
    """Losses whose cost is measured on this machine."""

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
    rounds: int = Field(3, ge=1, description="How often each loss is timed; the best time counts")


class StudyConfig(Exact):
    """A study: data, runs, training, tests, and the tables and figures."""

    study: Name = Field(description="Name of the study, and of its folder below `results/`")
    title: Text = Field(description="Heading of the report")
    scale: Text = Field(description="Banner on every page: how small or large the study is")
    preset: Literal["small", "full"] = Field(
        description="`small`: thin detectors for CPUs, from scratch; `full`: the papers' detectors"
    )
    data_root: Text | None = Field(None, description="Where relative paths of datasets start")
    paths: Paths = Field(
        Paths(), description="Where own losses, detectors and papers are, from the current folder"
    )
    datasets: dict[Name, Dataset] = Field(min_length=1, description="Name to dataset")
    runs: list[RunGroup] = Field([], description="Groups of runs")
    runs_of_tables: RunsOfTables | None = Field(
        None, description="Also makes the runs that `tables` and `figures` show"
    )
    imported: list[Imported] = Field(
        [], description="Detections of other tools, evaluated together with the runs"
    )
    schedule: Schedule = Field(description="How the runs are trained")
    init_from: Text | dict[DetectorName, Text] | None = Field(
        None,
        description=(
            "Weights that trainings start from: a file or the key of a run; or detectors to these"
        ),
    )
    test: TestSettings = Field(TestSettings(), description="How detections are made")
    splits: list[Name] = Field(
        ["val"], min_length=1, description="Splits to evaluate on; the first one fills the tables"
    )
    untrained: bool = Field(
        True, description="Whether an untrained model of each detector is evaluated too"
    )
    tables: list[str] = Field(
        [], description="Files of `analysis/papers`, without `.yaml`; a paper's name; or `all`"
    )
    figures: list[str] = Field(
        [], description="Files of `analysis/papers`, without `.yaml`; a paper's name; or `all`"
    )
    figure_files: bool = Field(
        False, description="Also writes figures as PDF, SVG and PNG at the widths of papers"
    )
    cost: Cost | None = Field(
        None, description="Also measure what losses cost: alone, and in an iteration"
    )
    learned_ap50: Fraction = Field(
        LEARNED_AP50,
        description=(
            "AP50 in [0, 1] from which a training has learned; a run below it is `barely learned`: "
            "it is left out of verdicts and is never bold"
        ),
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="`auto` uses a GPU if there is one"
    )
    threads: int = Field(1, ge=1, description="CPU threads of one training, for each of its GPUs")
    hours: float | None = Field(
        None,
        ge=0.01,
        le=8760,
        description="Longest time of one training job; the job is stopped then, and can continue",
    )
    track: Literal["tensorboard", "mlflow", "wandb"] | None = Field(
        None, description="Where trainings also send their losses and rates while they run"
    )
    max_gpus: int | None = Field(
        None, ge=1, description="Most GPUs of one training; default: all of this machine"
    )


def load_config(path: Path) -> dict[str, Any]:
    """Reads a study's YAML file without checking its keys.

    Raises:
        InputError: If there is no such file, or it is not a YAML mapping.
    """
    values = read_yaml(Path(path))
    if not isinstance(values, dict):
        raise InputError(f"{path}: a study is a mapping of keys, found {values!r:.40}")
    return values


def _check_dots(values: Mapping[str, Any], source: str) -> None:
    """Names the way to write a key in another one, as on a command line.

    Raises:
        InputError: For a key such as `schedule.iterations`.
    """
    for key, value in values.items():
        first, *others = str(key).split(".")
        if others and first in StudyConfig.model_fields:
            inner = f"{{{': {'.join(others)}: {value}{'}' * len(others)}"
            raise InputError(
                f"{source}: {key}: a dot does not lead into {first!r}; write {first}: {inner}, or "
                f"on a command line --config '{first}={inner}'"
            )


def check_config(values: Mapping[str, Any], source: str) -> StudyConfig:
    """Returns the checked config of a study.

    Raises:
        InputError: One line with the key path, what was found, and the nearest valid key or value.
    """
    _check_dots(values, source)
    named = with_names(with_new_names(values, source), source)
    config = read(StudyConfig, named, source)
    if len(set(config.splits)) < len(config.splits):
        raise InputError(f"{source}: splits: a split is named twice in {config.splits}")
    if config.track and importlib.util.find_spec(config.track) is None:
        raise InputError(
            f"{source}: track: {config.track} is not installed here; install it (pip install "
            f"{config.track}), or leave `track` out"
        )
    if not config.runs and config.runs_of_tables is None and not config.imported:
        raise InputError(
            f"{source}: neither runs nor runs_of_tables is given; there is nothing to train"
        )
    for name in config.datasets:
        _check_reserved("dataset", name, f"{source}: datasets")
    for index, group in enumerate(config.runs):
        _check_dataset(config, group.dataset, source, f"runs[{index}].dataset")
        for name in group.detectors:
            _check_reserved("detector", name, f"{source}: runs[{index}].detectors")
    for index, one in enumerate(config.imported):
        _check_dataset(config, one.dataset, source, f"imported[{index}].dataset")
        _check_reserved("detector", one.detector, f"{source}: imported[{index}].detector")
    for name, dataset in (config.runs_of_tables.datasets if config.runs_of_tables else {}).items():
        _check_dataset(config, dataset, source, f"runs_of_tables.datasets.{name}")
    return config


def _check_reserved(kind: str, name: str, where: str) -> None:
    if fault := reserved(kind, name):
        raise InputError(f"{where}: {fault}")


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
