"""The keys of a study's config file; `config/README.md` explains them.

An editor shows the descriptions here for the keys (through `config/schema.json`).
"""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from rankdet.datasets.options import Fraction, Text
from rankdet.machine import MOST_THREADS
from rankdet.results.learning import LEARNED_AP50
from rankdet.study.config.datasets import Dataset, Name
from rankdet.study.config.exact import Exact
from rankdet.study.config.groups import RunGroup, RunsOfTables
from rankdet.study.config.imported import Imported
from rankdet.study.config.schedule import LossName, Schedule, TestSettings

DetectorName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._@+-]*$", max_length=80)]


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
    threads: int = Field(
        1,
        ge=1,
        le=MOST_THREADS,
        description="CPU threads of one training, for each of its GPUs",
    )
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
