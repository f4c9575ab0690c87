"""The leaderboard with one row per dataset, detector and loss: means over its seeds.

`leaderboard-seeds.csv` of a report has these rows. A single seed is not a mean: its row has the
values of its run.
"""

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from rankdet.evaluation.intervals import mean_over_seeds
from rankdet.evaluation.metric import Metric, without_best
from rankdet.evaluation.seeds import like_the_best
from rankdet.evaluation.units import DIGITS
from rankdet.files import atomic
from rankdet.results.leaderboard import BASELINE, Entry, columns, is_untrained
from rankdet.results.status import BARELY_LEARNED

Mean = tuple[float | None, float | None]  # value and half-width of its interval; None: undefined


@dataclass(frozen=True)
class SeedGroup:
    """The runs of all seeds of one loss with one detector, on one split.

    Attributes:
        entries: one per seed, in the plan's order; at least one.
        means: metric key to mean and half-width of its 95 % t-interval, in printed units.
        best: keys of the metrics in which it cannot be distinguished from the best of its
            detector, dataset and split.
    """

    entries: tuple[Entry, ...]
    means: Mapping[str, Mean] = field(default_factory=dict)
    best: frozenset[str] = frozenset()

    @property
    def first(self) -> Entry:
        """The entry of its first seed, for what all seeds share."""
        return self.entries[0]

    @property
    def key(self) -> str:
        """The key of its runs without the seed."""
        return self.first.key.rpartition("/")[0]

    @property
    def title(self) -> str:
        """The title of its loss, with the schedule if it is not the study's."""
        schedule = self.key.rpartition("/")[2].partition("@")[2]
        return f"{self.first.loss_title} · {schedule}" if schedule else self.first.loss_title

    @property
    def counted(self) -> tuple[Entry, ...]:
        """The seeds in its means: those that have learned, or all if none has."""
        return self.learned or self.entries

    @property
    def learned(self) -> tuple[Entry, ...]:
        """The seeds that are not known to have barely learned."""
        return tuple(e for e in self.entries if e.status != BARELY_LEARNED)

    @property
    def statuses(self) -> list[tuple[str, int]]:
        """Every status of its runs, with the number of runs."""
        return list(Counter(entry.status for entry in self.entries).items())

    @property
    def reasons(self) -> list[tuple[Entry, str]]:
        """The entries that are not simply trained, with the reason."""
        return [(entry, entry.reason) for entry in self.entries if entry.reason]

    def values(self, metric: Metric) -> list[float]:
        """Returns the metric of each counted seed; empty if one of them does not have it."""
        found = [entry.values.get(metric.key) for entry in self.counted]
        known = [value for value in found if value is not None]
        return known if len(known) == len(found) else []


def seed_groups(entries: Sequence[Entry]) -> list[SeedGroup]:
    """Returns the rows of a leaderboard, in its order, with means and the best rows.

    If one seed of a row has no value, because it failed or diverged, the row has no mean, as in the
    tables. Seeds that have barely learned are left out of the mean.
    """
    found: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        found.setdefault((entry.key.rpartition("/")[0], entry.split), []).append(entry)
    shown = columns(entries)
    groups = [_with_means(SeedGroup(tuple(members)), shown) for members in found.values()]
    return _with_best(groups, shown)


def write_seed_groups(groups: Sequence[SeedGroup], path: Path) -> None:
    """Writes groups as CSV: means, half-widths, and how many seeds are in them."""
    shown = [m for m in columns([e for g in groups for e in g.entries]) if m is not BASELINE]
    head = ["runs", "dataset", "split", "detector", "loss", "variant"]
    head += ["seeds", "seeds in the mean", "status"]
    values = [name for m in shown for name in (m.header, f"{m.header} interval")]
    with atomic(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow([*head, *values])
        for group in groups:
            one = group.first
            row = [group.key, one.dataset, one.split, one.detector, one.loss, one.variant]
            status = "; ".join(f"{count} {word}" for word, count in group.statuses)
            row += [str(len(group.entries)), str(len(group.counted)), status]
            writer.writerow([*row, *(v for m in shown for v in group.means[m.key])])


def _with_means(group: SeedGroup, shown: Sequence[Metric]) -> SeedGroup:
    means = {metric.key: _mean(group.values(metric)) for metric in shown}
    return replace(group, means=means)


def _mean(values: Sequence[float]) -> Mean:
    mean, half = (None if v is None else round(v, DIGITS) for v in mean_over_seeds(values))
    return mean, half


def _with_best(groups: Sequence[SeedGroup], shown: Sequence[Metric]) -> list[SeedGroup]:
    """Marks the rows that cannot be distinguished from the best loss with their detector.

    A loss is compared with the others of its detector alone: else the losses of the weaker detector
    would never be bold, whatever their findings say.
    """
    best: dict[int, set[str]] = {}
    places: dict[tuple[str, str], list[int]] = {}
    for at, group in enumerate(groups):
        if group.learned and not is_untrained(group.first):
            model = group.key.rpartition("/")[0]  # dataset and detector, with its backbone
            places.setdefault((model, group.first.split), []).append(at)
    for together in places.values():
        for metric in (one for one in shown if not without_best(one.key)):
            samples = {at: groups[at].values(metric) for at in together}
            for at in like_the_best(samples, metric.better):
                best.setdefault(at, set()).add(metric.key)
    return [replace(g, best=frozenset(best.get(at, ()))) for at, g in enumerate(groups)]
