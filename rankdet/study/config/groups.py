"""The keys of a study's config file that say which runs it makes."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from rankdet.datasets.options import Fraction, Text
from rankdet.study.config.datasets import Name
from rankdet.study.config.exact import Exact
from rankdet.study.config.schedule import LossName, ScheduleChange, TestSettings

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
