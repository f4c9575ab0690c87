"""The learning rate of a run: the one rule for every study, schedule and loss card."""

from collections.abc import Iterable, Mapping
from typing import Any

from rankdet.errors import InputError
from rankdet.study import cards
from rankdet.study.runs import Run, split_loss
from rankdet.suggest import choice

FULL_BATCH = 32  # images per iteration for which a card's `full` learning rate is given


def learning_rate(
    configured: Iterable[Any],
    run: Run,
    card: Mapping[str, Any],
    preset: str,
    batch_size: int,
    source: str,
) -> float:
    """Returns the learning rate of a run.

    Args:
        configured: `lr` of the schedules, the most specific first: a number, a mapping of losses
            to numbers, or None.
        run: The run.
        card: Its loss card, used if no schedule gives a rate.
        preset: `small` or `full`.
        batch_size: Images per iteration.
        source: The config file's name, for messages.

    Raises:
        InputError: If a mapping names an unknown loss, or neither gives a rate.
    """
    for rate in configured:
        if isinstance(rate, dict):
            _check_rates(rate, source)
            rate = rate.get(run.loss, rate.get(run.loss_name))
        if rate is not None:
            return float(rate)
    found = card_rate(card, run.detector, preset, batch_size)
    if found is None:
        raise InputError(
            f"{source}: loss {run.loss!r} has no learning rate for the preset {preset!r}; "
            f"give schedule.lr here, or training.lr.{preset} in the CARD of {run.loss_name}.py"
        )
    return found


def _check_rates(rates: Mapping[str, float], source: str) -> None:
    """Checks that every loss with a learning rate of its own exists, with its variants."""
    for loss in rates:
        name, variant = split_loss(loss)
        if name not in cards.loss_names():
            hint = choice(name, cards.loss_names())
            raise InputError(f"{source}: schedule.lr: unknown loss {name!r}; {hint}")
        try:
            cards.load_loss(name).variant(variant)
        except InputError as error:
            raise InputError(f"{source}: schedule.lr: {error}") from None


def card_rate(card: Mapping[str, Any], detector: str, preset: str, batch_size: int) -> float | None:
    """Returns the learning rate that a loss card gives, or None if it gives none.

    A rate for the preset `full` is for 32 images per iteration and is scaled linearly with the
    batch size (Goyal et al., 2017). A rate for `small` is used as given.
    """
    training = card.get("training", {})
    for rates in (training.get("lr_by_detector", {}).get(detector, {}), training.get("lr", {})):
        if rates.get(preset) is not None:
            rate = float(rates[preset])
            return rate * batch_size / FULL_BATCH if preset == "full" else rate
    return None
