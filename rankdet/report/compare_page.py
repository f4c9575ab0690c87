"""Comparison pages: the losses of a detector against a reference, and any two side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rankdet.errors import InputError
from rankdet.evaluation.interval_cache import difference
from rankdet.evaluation.intervals import Difference
from rankdet.evaluation.metric import COMPARE, Metric
from rankdet.evaluation.registry import shown_in
from rankdet.report.paths import compare_page
from rankdet.report.sample_images import Sample, samples
from rankdet.report.site import Site
from rankdet.results.layout import MATCHES
from rankdet.results.records import RecordedRun, RecordedStudy
from rankdet.results.usable import unusable

SHOWN = shown_in(COMPARE)


@dataclass(frozen=True)
class Line:
    """One run: its values and their differences to the reference, by metric, in printed units."""

    run: RecordedRun
    values: Mapping[str, float | None]
    differences: Mapping[str, Difference]
    samples: tuple[Sample, ...]


@dataclass(frozen=True)
class Comparison:
    """The runs of one detector on one dataset, the reference first."""

    dataset: str
    title: str
    page: str
    lines: tuple[Line, ...]
    left_out: tuple[tuple[RecordedRun, str], ...]
    problem: str | None

    @property
    def reference(self) -> RecordedRun:
        """The run that the others are compared with: the first in the plan's order."""
        return self.lines[0].run

    @property
    def best(self) -> Line:
        """The run with the highest AP, the reference excluded."""
        return max(self.lines[1:], key=lambda line: line.values["AP"] or 0.0)


def write_comparison_pages(site: Site, compared: Sequence[Comparison]) -> None:
    """Writes the page of each comparison."""
    for one in compared:
        site.write(one.page, "compare.html.j2", group=one, columns=SHOWN)


def comparisons(study: RecordedStudy, report: Path) -> list[Comparison]:
    """Returns the comparisons of a study: one per dataset and detector.

    A comparison needs two trained runs with comparable numbers. Sample images that are missing are
    written into the report's folder.
    """
    pages: dict[str, list[RecordedRun]] = {}
    for run in study.runs:
        if not run.untrained:
            pages.setdefault(compare_page(run), []).append(run)
    made = (_comparison(study, page, runs, report) for page, runs in pages.items())
    return [one for one in made if len(one.lines) > 1]


def _comparison(
    study: RecordedStudy, page: str, runs: Sequence[RecordedRun], report: Path
) -> Comparison:
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
    return Comparison(runs[0].dataset, title, page, tuple(lines), left_out, problem)


def _values(run: RecordedRun) -> dict[str, float | None]:
    return {metric.key: metric.printed(run.main.metrics) for metric in SHOWN}


def _differences(
    study: RecordedStudy, reference: RecordedRun, run: RecordedRun
) -> dict[str, Difference]:
    first, second = _values(reference), _values(run)
    found = {m.key: _difference(study, reference, run, m) for m in SHOWN if m.interval}
    for metric in SHOWN:
        a, b = first[metric.key], second[metric.key]
        if found.get(metric.key) is None and a is not None and b is not None:
            found[metric.key] = Difference(b - a, None, None, None)
    return {key: one for key, one in found.items() if one is not None}


def _difference(
    study: RecordedStudy, reference: RecordedRun, run: RecordedRun, metric: Metric
) -> Difference | None:
    """Returns a difference with its interval over images; None if it cannot be computed."""
    base, own = (r.main.folder / MATCHES for r in (reference, run))
    assert metric.interval
    try:
        one = difference(base, own, metric.key, metric.interval, study.folder / "intervals")
    except (InputError, OSError):
        return None
    return one and one.scaled(metric.scale)
