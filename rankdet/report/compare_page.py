"""What a comparison page shows: a detector's losses against one of them, and side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rankdet.errors import InputError
from rankdet.evaluation.interval_store import difference
from rankdet.evaluation.intervals import Difference
from rankdet.evaluation.metric import COMPARE, Metric
from rankdet.evaluation.registry import shown_in
from rankdet.report.sample_images import Sample, samples
from rankdet.results.layout import MATCHES, slug
from rankdet.results.records import Run, Study
from rankdet.results.usable import unusable

SHOWN = shown_in(COMPARE)


@dataclass(frozen=True)
class Line:
    """One run: its values and their differences to the reference, by metric, in printed units."""

    run: Run
    values: Mapping[str, float | None]
    differences: Mapping[str, Difference]
    samples: tuple[Sample, ...]


@dataclass(frozen=True)
class Group:
    """The runs of one detector on one dataset, the reference first."""

    dataset: str
    title: str
    page: str
    lines: tuple[Line, ...]
    left_out: tuple[tuple[Run, str], ...]
    problem: str | None

    @property
    def reference(self) -> Run:
        """What the others are compared with: the first one in the plan's order."""
        return self.lines[0].run

    @property
    def best(self) -> Line:
        """The run with the highest AP beside the reference."""
        return max(self.lines[1:], key=lambda line: line.values["AP"] or 0.0)


def compare_page(run: Run) -> str:
    """The comparison page of a run's detector, relative to the report's folder."""
    name = "-".join(filter(None, [run.detector, run.backbone]))
    return f"compare/{slug(run.dataset)}/{slug(name)}.html"


def groups(study: Study, report: Path) -> list[Group]:
    """One group a dataset and detector with at least two trained runs that can be compared.

    Writes the sample images into the report's folder where they are not yet.
    """
    pages: dict[str, list[Run]] = {}
    for run in study.runs:
        if not run.untrained:
            pages.setdefault(compare_page(run), []).append(run)
    made = (_group(study, page, runs, report) for page, runs in pages.items())
    return [group for group in made if len(group.lines) > 1]


def _group(study: Study, page: str, runs: Sequence[Run], report: Path) -> Group:
    checksum = study.checksum(runs[0].dataset)
    reasons = {run.key: unusable(run, checksum) for run in runs}
    usable = [run for run in runs if not reasons[run.key]]
    left_out = tuple((run, why) for run in runs if (why := reasons[run.key]))
    lines, problem = [], None
    for run in usable:
        drawn: Sequence[Sample] = ()
        try:
            drawn = samples(study, run.dataset, run.main, report)
        except InputError as error:
            problem = str(error)
        printed = _values(run)
        differences = {} if run is usable[0] else _differences(study, usable[0], run)
        lines.append(Line(run, printed, differences, tuple(drawn)))
    title = " ".join(filter(None, [runs[0].title("detector"), runs[0].backbone]))
    return Group(runs[0].dataset, title, page, tuple(lines), left_out, problem)


def _values(run: Run) -> dict[str, float | None]:
    return {metric.key: metric.printed(run.main.metrics) for metric in SHOWN}


def _differences(study: Study, reference: Run, run: Run) -> dict[str, Difference]:
    first, second = _values(reference), _values(run)
    found = {m.key: _difference(study, reference, run, m) for m in SHOWN if m.interval}
    for metric in SHOWN:
        a, b = first[metric.key], second[metric.key]
        if found.get(metric.key) is None and a is not None and b is not None:
            found[metric.key] = Difference(b - a, None, None, None)
    return {key: one for key, one in found.items() if one is not None}


def _difference(study: Study, reference: Run, run: Run, metric: Metric) -> Difference | None:
    """Returns a difference with its interval over images; None where it cannot be computed."""
    base, own = (r.main.folder / MATCHES for r in (reference, run))
    assert metric.interval
    try:
        one = difference(base, own, metric.key, metric.interval, study.folder / "intervals")
    except (InputError, OSError):
        return None
    return one and one.scaled(metric.scale)
