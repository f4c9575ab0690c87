"""Comparison pages: the losses of a detector against a reference, all pairs, and side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from rankdet.errors import InputError
from rankdet.evaluation.interval_cache import difference
from rankdet.evaluation.intervals import mean_over_seeds
from rankdet.evaluation.metric import COMPARE, Metric
from rankdet.evaluation.registry import shown_in
from rankdet.evaluation.seeds import SeedDifference, differences
from rankdet.report.pairwise_matrix import Loss, Matrix, matrices
from rankdet.report.paths import compare_page
from rankdet.report.sample_images import Sample, samples
from rankdet.report.site import Site
from rankdet.results.layout import MATCHES
from rankdet.results.records import RecordedRun, RecordedStudy
from rankdet.results.usable import unusable

SHOWN = shown_in(COMPARE)


@dataclass(frozen=True)
class Line:
    """One loss with the runs of its seeds.

    Attributes:
        runs: The runs of all seeds.
        values: Metric key to the value of each counted seed, in printed units; empty if one of
            them does not have it.
        differences: Metric key to the difference to the reference.
        samples: Sample images of the first counted seed.
    """

    runs: tuple[RecordedRun, ...]
    values: Mapping[str, list[float]]
    differences: Mapping[str, SeedDifference]
    samples: tuple[Sample, ...]

    @property
    def learned(self) -> bool:
        """Whether one of its seeds has learned; without one it takes no part in tests."""
        return any(run.learned for run in self.runs)

    @property
    def counted(self) -> tuple[RecordedRun, ...]:
        """The seeds in its means: those that have learned, or all if none has."""
        return tuple(run for run in self.runs if run.learned) or self.runs

    @property
    def run(self) -> RecordedRun:
        """The run whose pictures are shown."""
        return self.counted[0]

    def mean(self, metric: Metric) -> tuple[float | None, float | None]:
        """Returns the mean over seeds and the half-width of its interval; None where undefined."""
        return mean_over_seeds(self.values[metric.key])


@dataclass(frozen=True)
class Comparison:
    """The losses of one detector on one dataset, the reference first."""

    dataset: str
    title: str
    page: str
    lines: tuple[Line, ...]
    matrices: tuple[Matrix, ...]
    left_out: tuple[tuple[RecordedRun, str], ...]
    problem: str | None

    @property
    def reference(self) -> Line:
        """The loss that the others are compared with: the first in the plan's order."""
        return self.lines[0]

    @property
    def best(self) -> Line:
        """The loss with the highest mean AP, the reference excluded."""
        return max(self.lines[1:], key=lambda line: fmean(line.values["AP"] or [0.0]))

    @property
    def several_seeds(self) -> bool:
        """Whether a loss has more than one seed."""
        return any(len(line.runs) > 1 for line in self.lines)


def write_comparison_pages(site: Site, compared: Sequence[Comparison]) -> None:
    """Writes the page of each comparison."""
    for one in compared:
        site.write(one.page, "compare.html.j2", group=one, columns=SHOWN)


def comparisons(study: RecordedStudy, report: Path) -> list[Comparison]:
    """Returns the comparisons of a study: one per dataset and detector.

    A comparison needs two trained losses with comparable numbers. A loss with a seed that failed
    has no mean and is left out, as in the tables. Sample images that are missing are written into
    the report's folder.
    """
    pages: dict[str, dict[str, list[RecordedRun]]] = {}
    for run in study.runs:
        if not run.untrained:
            losses = pages.setdefault(compare_page(run), {})
            losses.setdefault(run.key.rpartition("/")[0], []).append(run)
    made = (_comparison(study, page, losses, report) for page, losses in pages.items())
    return [one for one in made if len(one.lines) > 1]


def _comparison(
    study: RecordedStudy, page: str, losses: Mapping[str, Sequence[RecordedRun]], report: Path
) -> Comparison:
    every = [run for runs in losses.values() for run in runs]
    checksum = study.checksum(every[0].dataset)
    left_out = tuple((run, why) for run in every if (why := unusable(run, checksum)))
    without = {run.key for run, _ in left_out}
    usable = [runs for runs in losses.values() if not any(run.key in without for run in runs)]
    lines, problem = [], None
    for runs in usable:
        line = Line(tuple(runs), {}, {}, ())
        drawn: Sequence[Sample] = ()
        try:
            drawn = samples(study, line.run.dataset, line.run.main, report)
        except InputError as error:
            problem = str(error)
        values = {metric.key: _values(line.counted, metric) for metric in SHOWN}
        lines.append(Line(line.runs, values, {}, tuple(drawn)))
    title = " ".join(filter(None, [every[0].title("detector"), every[0].backbone]))
    return Comparison(
        every[0].dataset,
        title,
        page,
        _with_differences(study, lines),
        matrices([Loss(line.values, line.learned, line.run.schedule) for line in lines]),
        left_out,
        problem,
    )


def _values(runs: Sequence[RecordedRun], metric: Metric) -> list[float]:
    found = [metric.printed(run.main.metrics) for run in runs]
    known = [value for value in found if value is not None]
    return known if len(known) == len(found) else []


def _with_differences(study: RecordedStudy, lines: Sequence[Line]) -> tuple[Line, ...]:
    """Compares every line with the first one; the lines of a column are tested together."""
    found: list[dict[str, SeedDifference]] = [{} for _ in lines]
    for metric in SHOWN:
        known = {at: line.values[metric.key] for at, line in enumerate(lines)}
        if not known or not known[0]:
            continue
        others = [at for at in known if at > 0 and known[at]]
        part = [at for at in others if lines[at].learned and lines[0].learned]
        tested = differences(known, [(at, 0) for at in part])
        for at in others:
            plain = SeedDifference(fmean(known[at]) - fmean(known[0]))
            single = len(known[at]) == len(known[0]) == 1
            drawn = _over_images(study, lines[0].run, lines[at].run, metric) if single else None
            found[at][metric.key] = drawn or tested.get((at, 0)) or plain
    return tuple(
        Line(line.runs, line.values, one, line.samples)
        for line, one in zip(lines, found, strict=True)
    )


def _over_images(
    study: RecordedStudy, reference: RecordedRun, run: RecordedRun, metric: Metric
) -> SeedDifference | None:
    """Returns a difference of single seeds with its interval over images; None without one."""
    if not metric.interval:
        return None
    base, own = (r.main.folder / MATCHES for r in (reference, run))
    try:
        one = difference(base, own, metric.key, metric.interval, study.folder / "intervals")
    except (InputError, OSError):
        return None
    if one is None or one.value is None:
        return None
    scaled = one.scaled(metric.scale)
    assert scaled.value is not None
    return SeedDifference(scaled.value, scaled.low, scaled.high)
