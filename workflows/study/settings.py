"""The settings of one run: its loss card, schedule and test settings, general before particular."""

from typing import Any

from rankdet.errors import InputError
from workflows.study import cards
from workflows.study.config import StudyConfig
from workflows.study.runs import UNTRAINED, Run
from workflows.study.words import merged

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
    rate = {} if run.untrained else {"lr": _rate(config.form, run, chosen, source)}
    return merged(study, change, rate)


def _rate(form: str, run: Run, chosen: list[Any], source: str) -> float:
    for rate in chosen:
        if isinstance(rate, dict):
            rate = rate.get(run.loss, rate.get(run.loss_name))
        if rate is not None:
            return float(rate)
    training = card(run).get("training", {})
    rates = (training.get("lr_by_detector", {}).get(run.detector, {}), training.get("lr", {}))
    for known in rates:
        if known.get(form) is not None:
            return float(known[form])
    raise InputError(
        f"{source}: loss {run.loss!r} has no learning rate for the form {form!r}; give "
        f"schedule.lr here, or training.lr.{form} in the CARD of {run.loss_name}.py"
    )


def test(config: StudyConfig, run: Run) -> dict[str, Any]:
    """Returns a run's test settings: the loss card's, the study's, its group's."""
    changes = (level.model_dump(exclude_none=True) for level in (config.test, run.test))
    return merged(card(run).get("test", {}), *changes)
