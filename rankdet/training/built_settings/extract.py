"""All settings of a run, by the names of the papers' released settings."""

from collections.abc import Mapping
from typing import Any

from rankdet.training.built_settings.build import build
from rankdet.training.built_settings.losses import loss_settings
from rankdet.training.built_settings.matching import matching_settings
from rankdet.training.built_settings.model import model_settings
from rankdet.training.built_settings.procedure import procedure_settings


def built_settings(spec: Mapping[str, Any]) -> dict[str, str]:
    """Returns setting to value, one line each; a setting that the run does not have is left out.

    Args:
        spec: The job spec of a run.

    Raises:
        InputError: If the spec does not fit its detector.
    """
    built = build(spec)
    parts = (model_settings, matching_settings, loss_settings, procedure_settings)
    return {key: value for part in parts for key, value in part(built).items()}
