"""The settings of one run: its loss card, schedule and test settings, general before particular."""

from collections.abc import Mapping
from typing import Any

from rankdet.errors import InputError
from rankdet.study import cards
from rankdet.study.config.model import StudyConfig
from rankdet.study.detectors import load_detector
from rankdet.study.runs import UNTRAINED, Run
from rankdet.suggest import merged

FULL_BATCH = 32  # images per iteration that a card's `full` rate is for; others scale it linearly
UNTRAINED_LOSS = "focal"  # an untrained detector is built with some criterion, and never uses it


def loss_file(run: Run) -> cards.LossFile:
    """Returns the file of a run's loss."""
    return cards.load_loss(UNTRAINED_LOSS if run.untrained else run.loss_name)


def card(run: Run) -> dict[str, Any]:
    """Returns a run's merged loss card."""
    if run.untrained:
        return {**loss_file(run).variant(""), "name": UNTRAINED, "title": UNTRAINED}
    return loss_file(run).variant(run.variant)


def schedule(config: StudyConfig, run: Run, source: str) -> dict[str, Any]:
    """Returns a run's schedule: the study's, its group's changes, and one learning rate.

    Raises:
        InputError: If neither the study nor the loss's card has a learning rate for it.
    """
    study = config.schedule.model_dump(exclude_none=True)
    change = run.schedule.model_dump(exclude_none=True)
    if "iterations" in change or "epochs" in change:
        study = {key: v for key, v in study.items() if key not in ("iterations", "epochs")}
    chosen = [change.pop("lr", None), study.pop("lr", None)]
    merged_schedule = merged(study, change)
    if run.untrained:
        return merged_schedule
    rate = _rate(config.preset, run, chosen, merged_schedule["batch_size"], source)
    return {**merged_schedule, "lr": rate}


def _rate(preset: str, run: Run, chosen: list[Any], batch_size: int, source: str) -> float:
    """The rate that the config gives, else the card's; that of the full preset is for 32 images."""
    for rate in chosen:
        if isinstance(rate, dict):
            rate = rate.get(run.loss, rate.get(run.loss_name))
        if rate is not None:
            return float(rate)
    training = card(run).get("training", {})
    rates = (training.get("lr_by_detector", {}).get(run.detector, {}), training.get("lr", {}))
    for known in rates:
        if known.get(preset) is not None:
            rate = float(known[preset])
            return rate * batch_size / FULL_BATCH if preset == "full" else rate
    raise InputError(
        f"{source}: loss {run.loss!r} has no learning rate for the preset {preset!r}; give "
        f"schedule.lr here, or training.lr.{preset} in the CARD of {run.loss_name}.py"
    )


def test(config: StudyConfig, run: Run, place: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Returns a run's test settings: the loss card's, the study's, its group's.

    The cards' score thresholds are the papers', for detectors trained for days on COCO. A ranking
    loss orders scores and does not say how high they are, so after a few hundred iterations such a
    threshold cuts off what was learned: the small preset keeps every score.

    Args:
        config: The study.
        run: The run.
        place: A job's wildcards: with `test` the settings of the run's further test of that name,
            with `threshold` another lowest score.
    """
    place = place or {}
    own = card(run)
    detector = load_detector(run.detector, config.preset)
    boxes = own.get("rcnn", {}).get("test", {}) if detector["family"] == "two-stage" else {}
    small = {"score_threshold": 0.0} if config.preset == "small" else {}
    further = [dict(run.test_variants)[place["test"]]] if place.get("test") else []
    levels = (config.test, run.test, *further)
    changes = (level.model_dump(exclude_none=True) for level in levels)
    found = merged(own.get("test", {}), boxes, small, *changes)
    lowest = place.get("threshold")
    return found if lowest is None else {**found, "score_threshold": float(lowest)}
