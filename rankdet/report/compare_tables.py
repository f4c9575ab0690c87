"""Differences of the losses of a comparison page to a reference, which a reader can choose."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from rankdet.errors import InputError
from rankdet.evaluation.interval_cache import difference
from rankdet.evaluation.intervals import mean_over_seeds
from rankdet.evaluation.metric import COMPARE, Metric, is_time, without_best
from rankdet.evaluation.registry import shown_in
from rankdet.evaluation.seeds import SeedDifference, differences
from rankdet.report.formatting import end, number
from rankdet.results.layout import INTERVALS, MATCHES
from rankdet.results.recorded_run import RecordedRun
from rankdet.results.records import RecordedStudy

SHOWN = shown_in(COMPARE)


@dataclass(frozen=True)
class Line:
    """One loss with the runs of its seeds.

    Attributes:
        label: its title, with the schedule if the page has several; no two lines share it.
        runs: the runs of all seeds.
        values: metric key to the value of each counted seed, in printed units; empty if one of
            them does not have it.
    """

    label: str
    runs: tuple[RecordedRun, ...]
    values: dict[str, list[float]]

    @property
    def key(self) -> str:
        """Its name in the address of a page: loss and schedule."""
        run = self.runs[0]
        return "~".join(filter(None, [run.full_loss, run.schedule]))

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


def make_line(label: str, runs: Sequence[RecordedRun]) -> Line:
    """Returns the line of a loss, without differences."""
    line = Line(label, tuple(runs), {})
    for metric in SHOWN:
        found = [metric.printed(run.main.metrics) for run in line.counted]
        known = [value for value in found if value is not None]
        line.values[metric.key] = known if len(known) == len(found) else []
    return line


def against(
    study: RecordedStudy, lines: Sequence[Line], reference: int, images: bool = True
) -> list[dict[str, SeedDifference]]:
    """Compares every line with one of them; the lines of a column are tested together.

    Times are not tested, and differences in calibration have an interval, but no verdict.

    Args:
        study: the study.
        lines: the losses.
        reference: position of the reference.
        images: whether two single seeds get an interval over images, which may take seconds.

    Returns:
        Metric key to the difference, for each line; empty for the reference.
    """
    found: list[dict[str, SeedDifference]] = [{} for _ in lines]
    base = lines[reference]
    for metric in SHOWN:
        known = {at: line.values[metric.key] for at, line in enumerate(lines)}
        if not known[reference]:
            continue
        others = [at for at in known if at != reference and known[at]]
        testable = base.learned and not is_time(metric.key)
        part = [at for at in others if lines[at].learned and testable]
        tested = differences(known, [(at, reference) for at in part])
        for at in others:
            plain = SeedDifference(fmean(known[at]) - fmean(known[reference]))
            single = images and len(known[at]) == len(known[reference]) == 1
            drawn = _over_images(study, base.run, lines[at].run, metric) if single else None
            one = drawn or tested.get((at, reference)) or plain
            found[at][metric.key] = replace(one, p=None) if without_best(metric.key) else one
    return found


def texts(found: Sequence[dict[str, SeedDifference]]) -> list[list[tuple[str, bool] | None]]:
    """Returns the text of each cell below its value, and whether it is bold; None without one."""
    return [
        [_text(metric, one[metric.key]) if metric.key in one else None for metric in SHOWN]
        for one in found
    ]


def _text(metric: Metric, one: SeedDifference) -> tuple[str, bool]:
    text = number(one.value, metric.decimals, sign=True)
    if one.low is not None and one.high is not None:
        text += f" [{end(one.low, metric.decimals)} to {end(one.high, metric.decimals)}]"
    return text, one.significant


def _over_images(
    study: RecordedStudy, reference: RecordedRun, run: RecordedRun, metric: Metric
) -> SeedDifference | None:
    """Returns a difference of single seeds with its interval over images; None without one."""
    if not metric.interval:
        return None
    base, own = (r.main.folder / MATCHES for r in (reference, run))
    try:
        one = difference(base, own, metric.key, metric.interval, study.folder / INTERVALS)
    except (InputError, OSError):
        return None
    if one is None or one.value is None:
        return None
    scaled = one.scaled(metric.scale)
    assert scaled.value is not None
    return SeedDifference(scaled.value, scaled.low, scaled.high)
