"""The charts of a run's page."""
