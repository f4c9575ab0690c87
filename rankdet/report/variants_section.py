"""The test variants and the kept epochs of a run, as its page shows them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from rankdet.evaluation import registry
from rankdet.evaluation.metric import SWEEP
from rankdet.report.run_metrics import SplitMetrics, split_metrics
from rankdet.results.epochs import at_epoch, words
from rankdet.results.layout import METRICS, slug, variant_folder
from rankdet.results.recorded_run import Evaluation, RecordedRun

COLUMNS = tuple(metric for metric in registry.shown_in(SWEEP) if not metric.key.startswith("speed"))


@dataclass(frozen=True)
class Line:
    """A test or epoch: its name, and `COLUMNS` in printed units or why there are no values.

    `anchor` is the id of the place on the page that has more about it; empty if there is none.
    """

    name: str
    values: tuple[float | None, ...]
    reason: str | None = None
    anchor: str = ""


@dataclass(frozen=True)
class VariantView:
    """All metrics of a test variant, its record relative to the run's folder, and its id."""

    name: str
    anchor: str
    record: str
    metrics: list[SplitMetrics]


def variant_lines(run: RecordedRun) -> tuple[Line, ...]:
    """Returns the usual test of a run and its variants; empty if it has no variants."""
    variants = [(name, run.further(name)) for name in run.test_variants]
    lines = _lines([("usual test", run.main), *variants] if variants else [])
    return tuple(
        line if line.reason or at == 0 else replace(line, anchor=_anchor(line.name))
        for at, line in enumerate(lines)
    )


def variant_views(run: RecordedRun) -> tuple[VariantView, ...]:
    """Returns the test variants of a run that have metrics."""
    found = ((name, run.further(name)) for name in run.test_variants)
    return tuple(
        VariantView(
            name, _anchor(name), f"{variant_folder(name)}/{METRICS}", split_metrics(evaluation)
        )
        for name, evaluation in found
        if not evaluation.reason
    )


def epoch_lines(run: RecordedRun) -> tuple[Line, ...]:
    """Returns the kept epochs of a run and the end of its training; empty if it keeps no epoch."""
    kept = ((name, at_epoch(run, name)) for name in run.kept_epochs)
    found = [(_name(name, one), one.main) for name, one in kept]
    return _lines([*found, ("end of the training", run.main)] if found else [])


def _anchor(name: str) -> str:
    return f"test-{slug(name)}"


def _name(name: str, run: RecordedRun) -> str:
    """The epoch of the paper, and the epoch and iteration of this training, if they are known."""
    own = run.record.at_epoch if run.record else None
    if own is None or own.iteration is None:
        return words(name)
    place = f"epoch {own.own_epoch} of {own.own_epochs} here, iteration {own.iteration:,}"
    return f"{words(name)} ({place})"


def _lines(tests: Iterable[tuple[str, Evaluation]]) -> tuple[Line, ...]:
    return tuple(
        Line(name, tuple(metric.printed(_values(one)) for metric in COLUMNS), one.reason)
        for name, one in tests
    )


def _values(one: Evaluation) -> dict[str, Any]:
    return {**one.metrics, "detections_per_image": one.detections_per_image}
