"""What a paper's schedule changes for some of its runs: model, loss, training or test.

A schedule of `workflows/schedules.yaml` has `cases`. Each names the detectors, losses and backbones
to which it applies, and what it changes. All matching cases apply, in the order of the file.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import Field

from rankdet.strict import Strict
from rankdet.study.config.schedule import ScheduleChange, TestSettings
from rankdet.suggest import merged_by_type


class Case(Strict):
    """Changes for some of the runs of a paper's schedule; an empty list means all of them."""

    detectors: list[str] = Field([], description="Files of `workflows/detectors`")
    losses: list[str] = Field(
        [], description="Files of `workflows/losses`; with variants, only losses that have them all"
    )
    backbones: list[str] = Field(
        [], description="Entries of `workflows/backbones.yaml`; `own`: the detector's default one"
    )
    model: dict[str, Any] = Field({}, description="Keys of mmdet's model config")
    card: dict[str, Any] = Field({}, description="Keys of the loss card")
    schedule: ScheduleChange = Field(ScheduleChange(), description="Keys of `schedule`")
    test: TestSettings = Field(TestSettings(), description="Keys of `test`")

    def applies(self, detector: str, loss: str, backbone: str) -> bool:
        """Returns whether the case applies to a run.

        Args:
            detector: The run's detector.
            loss: Its loss with variants: `alrp+iou`.
            backbone: Its backbone, parts joined by `+`; empty for the detector's default one.
        """
        parts = backbone.split("+") if backbone else ["own"]
        return (
            (not self.detectors or detector in self.detectors)
            and (not self.losses or any(_includes(loss, named) for named in self.losses))
            and (not self.backbones or bool(set(self.backbones) & set(parts)))
        )


def _includes(loss: str, named: str) -> bool:
    """Returns whether a loss is the named one and has at least its variants."""
    name, *variants = loss.split("+")
    other, *needed = named.split("+")
    return name == other and set(needed) <= set(variants)


def changed_detector(
    spec: Mapping[str, Any], preset: str, cases: Iterable[Case]
) -> Mapping[str, Any]:
    """Returns a detector's spec with the cases' changes of the model merged into its preset."""
    models = [case.model for case in cases if case.model]
    return {**spec, preset: merged_by_type(spec[preset] or {}, *models)} if models else spec


def changed_card(card: Mapping[str, Any], cases: Iterable[Case]) -> Mapping[str, Any]:
    """Returns a loss card with the cases' changes merged in."""
    return merged_by_type(card, *(case.card for case in cases if case.card))
