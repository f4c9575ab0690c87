"""The benchmark of the losses' cost: `cost` of a study's config, as the spec of its job."""

from typing import Any

from rankdet.errors import InputError
from rankdet.study import hashes
from rankdet.study.config.model import Cost
from rankdet.study.model import Model, load_model


def cost_models(cost: Cost, source: str) -> dict[tuple[str, str], Model]:
    """Loads and checks what `cost` names: (detector, loss) to the model.

    Args:
        cost: The config's `cost`.
        source: The file that contains it, for messages.

    Raises:
        InputError: If a detector, loss or variant is unknown, or a loss does not train a detector.
    """
    models = {}
    for detector in cost.detectors:
        for loss in cost.losses:
            try:
                models[detector, loss] = load_model(
                    *detector.partition("@")[::2], loss, cost.preset
                )
            except InputError as error:
                raise InputError(f"{source}: cost: {detector}, {loss}: {error}") from None
    return models


def cost_spec(cost: Cost, source: str, threads: int, device: str) -> dict[str, Any]:
    """Returns the spec for `rankdet.training.cost`; JSON-serialisable.

    Args:
        cost: The config's `cost`.
        source: The file that contains it, for messages.
        threads: CPU threads.
        device: `auto`, `cpu` or `cuda`.

    Raises:
        InputError: As `cost_models`.
    """
    entries = [
        {
            "detector": detector,
            "loss": loss,
            "titles": dict(model.titles),
            "detector_spec": model.detector_spec,
            "card": model.card,
            "loss_file": str(model.loss_file.path),
        }
        for (detector, loss), model in cost_models(cost, source).items()
    ]
    settings = cost.model_dump(exclude={"detectors", "losses"})
    return {**settings, "entries": entries, "threads": threads, "device": device}


def cost_hash(cost: Cost, source: str) -> str:
    """Returns what the benchmark depends on, apart from the machine."""
    models = cost_models(cost, source)
    return hashes.digest(
        cost.model_dump(),
        [
            [
                hashes.model_code_hash("cost", model.detector_spec),
                model.detector_spec,
                hashes.loss_hash(model.loss_file, model.card, model.detector_spec),
            ]
            for model in models.values()
        ],
    )
