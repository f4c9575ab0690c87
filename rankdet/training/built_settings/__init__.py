"""The settings that a run trains with, read from the built model, pipelines and optimiser.

`built_settings` describes a run by the settings that the papers' released configurations have:
anchors, box deltas, assigners, losses, schedule, tests. Each value is one line of text, in the
words of `analysis/settings/<paper>.csv`, so that the two can be compared.
"""

from rankdet.training.built_settings.build import Built, build
from rankdet.training.built_settings.extract import built_settings

__all__ = ["Built", "build", "built_settings"]
