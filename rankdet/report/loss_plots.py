"""Forest plots of the losses: AP and oLRP with their intervals, by detector."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from rankdet.charts.intervals import IMAGES, SEEDS, IntervalGroup, IntervalRow, intervals_svg
from rankdet.evaluation.metric import HIGHER, Metric
from rankdet.evaluation.registry import by_key
from rankdet.report.contests import Contest, by_dataset
from rankdet.report.formatting import number
from rankdet.report.run_metrics import Value
from rankdet.results.seed_groups import SeedGroup

METRICS = ("AP", "oLRP")
Intervals = Mapping[str, Mapping[str, Value]]  # key of a group, then of a metric; over images


@dataclass(frozen=True)
class LossPlots:
    """The plots of one dataset.

    Attributes:
        title: title of the dataset.
        svgs: a plot of each metric.
        single: whether a row is a single seed.
        several: whether a row is a mean over seeds.
    """

    title: str
    svgs: tuple[Markup, ...]
    single: bool
    several: bool


def loss_plots(contests: Sequence[Contest], images: Intervals) -> list[LossPlots]:
    """Returns the plots of each dataset with a loss that has AP.

    Args:
        contests: the losses of each detector and dataset.
        images: intervals over images of groups with a single seed.
    """
    return [
        _plots(at, together, images)
        for at, together in enumerate(by_dataset(contests))
        if any(one.learned for one in together)
    ]


def _plots(at: int, contests: Sequence[Contest], images: Intervals) -> LossPlots:
    title = contests[0].dataset_title
    known = [group for one in contests for group in one.learned]
    svgs = []
    for key in METRICS:
        metric = by_key()[key]
        groups = [
            IntervalGroup(one.detector, tuple(_row(one, g, metric, images) for g in _ordered(one)))
            for one in contests
        ]
        label = (
            f"{metric.header} × 100, {'higher' if metric.better == HIGHER else 'lower'} is better"
        )
        described = f"{metric.header} of the losses on {title}, with 95% intervals"
        # `intervals_svg` escapes all names.
        svgs.append(Markup(intervals_svg(groups, label, described, f"losses-{at}-{key}")))
    single = any(len(group.counted) == 1 for group in known)
    several = any(len(group.counted) > 1 for group in known)
    return LossPlots(title, tuple(svgs), single, several)


def _ordered(contest: Contest) -> list[SeedGroup]:
    """The losses by AP, best first; those without AP last."""
    rest = [group for group in contest.groups if group not in contest.learned]
    return [*sorted(contest.learned, key=lambda g: -(g.means["AP"][0] or 0.0)), *rest]


def _row(contest: Contest, group: SeedGroup, metric: Metric, images: Intervals) -> IntervalRow:
    value, half = group.means[metric.key]
    look = contest.looks.get(group.key, 0)
    over = SEEDS if len(group.counted) > 1 else IMAGES
    if not group.learned:
        return IntervalRow(group.title, None, None, None, over, "barely learned")
    if value is None:
        return IntervalRow(group.title, None, None, None, over, "no result")
    words = number(value, metric.decimals)
    if half is not None:
        words = f"{words} ± {number(half, metric.decimals)}"
        return IntervalRow(group.title, value, value - half, value + half, over, words, look)
    found = images.get(group.key, {}).get(metric.key)
    low, high = (found.low, found.high) if found else (None, None)
    return IntervalRow(group.title, value, low, high, over, words, look)
