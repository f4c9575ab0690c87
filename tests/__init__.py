"""The tests: they mirror `rankdet/`, plus conformance, workflow, golden and bench."""
