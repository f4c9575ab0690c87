"""`plan.json`: what a study runs and makes."""

import re
from collections import Counter
from typing import Any, ClassVar

from pydantic import Field, StrictInt, field_validator
from pydantic_core import PydanticCustomError

from rankdet.results.learning import LEARNED_AP50
from rankdet.results.schemas.base import Number, Part, Record

# Of a run: its folder below the study's, `<dataset>/<detector>/<loss>/seed<number>`.
KEY = re.compile(r"[^/.][^/]*(/[^/.][^/]*){2}/seed[0-9]+")


class PlanStudy(Part):
    """The study itself.

    Attributes:
        learned_ap50: AP50 in [0, 1] from which a training has learned.
    """

    name: str
    title: str = ""
    scale: str = ""
    preset: str | None = None
    learned_ap50: Number = LEARNED_AP50


class PlanDataset(Part):
    """A dataset of the study.

    Attributes:
        made_of: what it is prepared from: `code` (a hash) and `config`; None in the plan of an old
            version.
    """

    name: str
    title: str = ""
    manifest: str | None = None
    made_of: dict[str, Any] | None = None


class PlanRun(Part):
    """One planned dataset × detector × loss × seed.

    Attributes:
        key: its folder below the study's.
        variant: the variants of the loss, joined by `+`.
        schedule: the paper's schedule; empty for the study's schedule.
        kept_epochs: epochs of a paper's schedule, such as `50-of-100`, after which the training
            keeps its weights for cells that show them.
        settings: the settings of its schedule that the plan lists.
        tuning: how its learning rate was chosen, in words; empty if it is not trained.
        titles: display titles of `dataset`, `detector` and `loss`.
        splits: what it is evaluated on, the main split first.
        score_thresholds: lowest scores before NMS at which it is also evaluated and timed.
        test_variants: names of further tests.
        checkpoint: file whose weights are tested; empty for a run that is trained.
        init_from: file or run whose weights the training starts from; empty for none.
        hashes: what its training depends on (`config`, `code`, `loss`; absent if it is not
            trained), its tests (`test`, `test-<name>`, `at-<threshold>`), and its evaluation
            (`evaluate`); of imported detections `detections`; None in the plan of an old version.
        imported: whether its detections were made elsewhere.
        taken: whether `rankdet import` has taken them: the row goes when their folder is deleted.
        url: where imported detections are described; empty if it is not known.
    """

    key: str
    dataset: str
    detector: str
    backbone: str = ""
    loss: str
    variant: str = ""
    seed: StrictInt = Field(0, ge=0)
    schedule: str = ""
    kept_epochs: tuple[str, ...] = ()
    settings: dict[str, Any] = Field(default_factory=dict)
    tuning: str = ""
    titles: dict[str, str] = Field(default_factory=dict)
    splits: tuple[str, ...] = Field(("val",), min_length=1)
    score_thresholds: tuple[Number, ...] = ()
    test_variants: tuple[str, ...] = ()
    untrained: bool = False
    checkpoint: str = ""
    init_from: str = ""
    hashes: dict[str, str] | None = None
    imported: bool = False
    taken: bool = False
    url: str = Field("", pattern=r"^(https?://\S+)?$")

    @field_validator("key")
    @classmethod
    def _below_the_study(cls, key: str) -> str:
        """A folder elsewhere would be read and written."""
        if not KEY.fullmatch(key):
            wanted = "<dataset>/<detector>/<loss>/seed<number>"
            raise PydanticCustomError("rule", "found {key}, needed " + wanted, {"key": key})
        return key


class PlanSource(Part):
    """What the file of a loss or a detector cites.

    Attributes:
        name: its file.
        title: its title for readers.
        paper: the title of the paper.
        authors: all authors, separated by commas.
        citation: the first author, venue and year.
        url: the address of the paper.
    """

    name: str
    title: str = ""
    paper: str = ""
    authors: str = ""
    citation: str = ""
    url: str = ""


class PlanPaper(Part):
    """A table or figure, and the file that specifies it."""

    id: str
    spec: str


class Plan(Record):
    """The file `plan.json`.

    Attributes:
        papers: which of the papers' datasets and schedules the study has, and what it lacks.
        hyperparameters: those of each loss, for tables that count them.
        cost: path of the record of the losses' cost; None if the study does not measure it.
        sources: what the losses and detectors of the study cite.
        places: where the study's own losses, detectors and papers are, if its config says it.
    """

    SCHEMA: ClassVar[str] = "rankdet.plan/1"

    study: PlanStudy
    datasets: tuple[PlanDataset, ...] = ()
    runs: list[PlanRun]
    tables: tuple[PlanPaper, ...] = ()
    figures: tuple[PlanPaper, ...] = ()
    papers: dict[str, Any] | None = None
    hyperparameters: dict[str, Any] | None = None
    cost: str | None = None
    places: dict[str, list[str]] | None = None
    sources: tuple[PlanSource, ...] = ()

    @field_validator("runs")
    @classmethod
    def _once(cls, runs: list[PlanRun]) -> list[PlanRun]:
        """A run that is counted twice makes wrong means."""
        twice = [key for key, times in Counter(run.key for run in runs).items() if times > 1]
        if twice:
            raise PydanticCustomError("rule", "{key} is planned twice", {"key": twice[0]})
        return runs
