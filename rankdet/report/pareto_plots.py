"""AP against the time of an iteration of the fastest seed, for the losses of each dataset."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from rankdet.charts.pareto import Point, front, pareto_svg
from rankdet.evaluation.registry import by_key
from rankdet.report.contests import Contest, by_dataset
from rankdet.report.time_doubts import FACTOR, doubts
from rankdet.results.recorded_run import RecordedRun
from rankdet.results.records import RecordedStudy

AP, SECONDS = by_key()["AP"], by_key()["training.seconds_per_iteration"]
LABELS = ("seconds per iteration", "AP × 100")


@dataclass(frozen=True)
class ParetoPlot:
    """The plot of one dataset.

    Attributes:
        title: title of the dataset.
        svg: the plot.
        best: the losses that no other beats in both AP and time, the fastest first.
        unsure: the losses whose seeds differ by more than `FACTOR` in seconds, with the lowest and
            the highest; their dots are hollow.
        single: whether a dot is a single seed.
        machines: the processors and GPUs on which the times were measured.
        doubts: why the times may not be comparable; empty without a reason.
    """

    title: str
    svg: Markup
    best: tuple[str, ...]
    unsure: tuple[str, ...]
    single: bool
    machines: tuple[str, ...]
    doubts: tuple[str, ...] = ()


def pareto_plots(study: RecordedStudy, contests: Sequence[Contest]) -> list[ParetoPlot]:
    """Returns the plot of each dataset with two losses that have AP and times."""
    plots = (_plot(study, at, together) for at, together in enumerate(by_dataset(contests)))
    return [plot for plot in plots if plot is not None]


def _plot(study: RecordedStudy, at: int, contests: Sequence[Contest]) -> ParetoPlot | None:
    points, shown, spread = [], [], []
    for one in contests:
        for group in one.learned:
            gain, seconds = group.means[AP.key][0], group.values(SECONDS)
            if gain is not None and seconds:
                # Other jobs make a training slower, and nothing makes it faster than it is.
                cost, look = min(seconds), one.looks.get(group.key, 0)
                unsure = max(seconds) > FACTOR * cost
                points.append(Point(group.title, one.detector, cost, gain, look, unsure))
                shown.append(group)
                spread.append(f"{cost:.2g} to {max(seconds):.2g} s")
    if len(points) < 2:
        return None
    title = contests[0].dataset_title
    # `pareto_svg` escapes all names.
    svg = Markup(pareto_svg(points, LABELS, f"AP against cost on {title}", f"pareto-{at}"))
    several = len({point.group for point in points}) > 1
    names = {id(p): f"{p.name} with {p.group}" if several else p.name for p in points}
    pairs = zip(points, spread, strict=True)
    keys = {entry.key for group in shown for entry in group.counted}
    runs = [run for run in study.runs if run.key in keys]
    return ParetoPlot(
        title,
        svg,
        tuple(names[id(p)] for p in front(points)),
        tuple(f"{names[id(p)]} ({ends})" for p, ends in pairs if p.unsure),
        any(len(group.counted) == 1 for group in shown),
        _machines(runs),
        doubts(runs, points),
    )


def _machines(runs: Sequence[RecordedRun]) -> tuple[str, ...]:
    """The GPU of each run, or its processor if it was trained on that."""
    found: dict[str, None] = {}
    for run in runs:
        hardware = run.provenance.hardware or {}
        on_gpu = str(run.training.device or "").startswith("cuda")
        found[str(hardware.get("gpu" if on_gpu else "cpu") or "an unknown machine")] = None
    return tuple(found)
