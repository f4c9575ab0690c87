"""The test variants of a run, as its page shows them."""

from dataclasses import dataclass
from typing import Any

from rankdet.evaluation import registry
from rankdet.evaluation.metric import SWEEP
from rankdet.results.records import Evaluation, RecordedRun

COLUMNS = tuple(metric for metric in registry.shown_in(SWEEP) if not metric.key.startswith("speed"))


@dataclass(frozen=True)
class Line:
    """One test: its name, and the values of `COLUMNS` in printed units or why there are none."""

    name: str
    values: tuple[float | None, ...]
    reason: str | None = None


def variant_lines(run: RecordedRun) -> tuple[Line, ...]:
    """Returns the usual test of a run and its variants; empty if it has no variants."""
    variants = [(name, run.further(name)) for name in run.test_variants]
    tests = [("usual test", run.main), *variants] if variants else []
    return tuple(
        Line(name, tuple(metric.printed(_values(one)) for metric in COLUMNS), one.reason)
        for name, one in tests
    )


def _values(one: Evaluation) -> dict[str, Any]:
    return {**one.metrics, "detections_per_image": one.detections_per_image}
