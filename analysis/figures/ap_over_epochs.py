"""AP over the training: the kept epochs of a run, and its end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from rankdet.charts.chart import Chart, Series
from rankdet.papers.figure_kinds import FigureOfRuns
from rankdet.papers.values import metric_value
from rankdet.results.recorded_run import RecordedRun


@dataclass(frozen=True)
class AtPart:
    """A run after a part of its training: the part in percent, its seed, and AP in [0, 1]."""

    percent: float
    seed: int
    ap: float


def read(run: RecordedRun) -> AtPart | None:
    """The run's AP, at its kept epoch or at its end; None without AP."""
    place = run.record.at_epoch if run.record else None
    ap = metric_value(run, "AP")
    return None if ap is None else AtPart(_percent(place), run.seed, ap)


def _percent(place: object) -> float:
    epoch, of = getattr(place, "epoch", 1), getattr(place, "of", 1)
    return 100.0 * epoch / of


def charts(series: Mapping[str, Sequence[AtPart]]) -> list[Chart]:
    """One curve for each loss: means over its seeds, with their range as a band.

    If only some seeds keep all epochs on the way, the curve is theirs, and a note says so: a
    curve whose ends are from different seeds would show their difference.
    """
    kept = {name: _kept(records) for name, records in series.items()}
    curves = tuple(
        Series.of_points(name, ((one.percent, one.percent, 100 * one.ap) for one in records))
        for name, records in kept.items()
    )
    told = "; ".join(f"{c.name} {_told(c)}" for c in curves)
    seeds = {name: (_seeds(kept[name]), _seeds(records)) for name, records in series.items()}
    return [
        Chart(
            name="epochs",
            alt=f"AP over the training: {told}.",
            x_label="% of the training",
            y_label="AP",
            series=curves,
            x_limits=(0.0, 100.0),
            y_limits=(0.0, 0.0),
            note=_left_out(seeds),
        )
    ]


def _kept(records: Sequence[AtPart]) -> list[AtPart]:
    """The records of the seeds that have the most parts of the training."""
    parts: dict[int, set[float]] = {}
    for one in records:
        parts.setdefault(one.seed, set()).add(one.percent)
    most = max(map(len, parts.values()), default=0)
    return [one for one in records if len(parts[one.seed]) == most]


def _seeds(records: Sequence[AtPart]) -> int:
    return len({one.seed for one in records})


def _left_out(seeds: Mapping[str, tuple[int, int]]) -> str:
    """How many seeds of how many are drawn, in words; empty if all are."""
    if all(drawn == every for drawn, every in seeds.values()):
        return ""
    counts = {f"{drawn} of {every}" for drawn, every in seeds.values()}
    if len(counts) == 1:
        return f"{counts.pop()} seeds of each loss are shown: those with every epoch."
    told = ", ".join(f"{name} {drawn} of {every}" for name, (drawn, every) in seeds.items())
    return f"The seeds with every epoch are shown: {told}."


def _told(curve: Series) -> str:
    return ", ".join(f"{y:.1f} after {x:g} %" for x, y in zip(curve.x, curve.y, strict=True))


def summary(records: Sequence[AtPart]) -> dict[str, float]:
    """The mean over the seeds of one cell."""
    return {"AP": fmean(one.ap for one in records)}


FIGURE = FigureOfRuns(
    read=read, charts=charts, summary=summary, missing="it has no AP", epochs=True
)
