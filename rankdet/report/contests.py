"""Which losses the first page compares: those of one detector, on one dataset.

Its headlines, forest plots and charts of cost show the same losses.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from rankdet.evaluation.metric import Metric
from rankdet.evaluation.seeds import SEEDS, like_the_best
from rankdet.papers.loss_looks import loss_looks
from rankdet.report.paths import compare_page
from rankdet.results.leaderboard import is_untrained
from rankdet.results.recorded_run import RecordedRun
from rankdet.results.records import RecordedStudy
from rankdet.results.seed_groups import SeedGroup


@dataclass(frozen=True)
class Contest:
    """The losses of one detector on the main split of one dataset, in the plan's order.

    Attributes:
        dataset: name of the dataset.
        dataset_title: its title.
        detector: title of the detector, with its backbone.
        page: path of the page that compares its losses; it may not exist.
        groups: a group of seeds for each loss; untrained models are left out.
        looks: key of a group to the look of its loss.
    """

    dataset: str
    dataset_title: str
    detector: str
    page: str
    groups: tuple[SeedGroup, ...]
    looks: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def learned(self) -> tuple[SeedGroup, ...]:
        """The losses that have AP and are not known to have barely learned."""
        return tuple(g for g in self.groups if g.learned and g.means["AP"][0] is not None)

    @property
    def barely_learned(self) -> tuple[SeedGroup, ...]:
        """The losses of which every seed has barely learned."""
        return tuple(g for g in self.groups if not g.learned)

    def tested(self, metric: Metric) -> tuple[SeedGroup, ...]:
        """Returns the losses with enough seeds for a verdict."""
        return tuple(g for g in self.learned if len(g.values(metric)) >= SEEDS)

    def best(self, metric: Metric) -> set[str]:
        """Returns keys of the loss with the best mean, and of those not distinguished from it.

        It is empty with fewer than two losses of three seeds.
        """
        samples = {group.key: group.values(metric) for group in self.tested(metric)}
        return like_the_best(samples, metric.better)


def by_dataset(contests: Iterable[Contest]) -> list[list[Contest]]:
    """Returns the contests on each dataset, in the order of the first ones."""
    found: dict[str, list[Contest]] = {}
    for one in contests:
        found.setdefault(one.dataset, []).append(one)
    return list(found.values())


def contests(study: RecordedStudy, groups: Sequence[SeedGroup]) -> list[Contest]:
    """Returns the losses of each detector and dataset, in the plan's order.

    Where a detector has runs of the study's schedule, those of named schedules are left out: a
    search over learning rates is no comparison of losses. Imported detections are left out too:
    how their model was trained is not known.

    Args:
        study: the study.
        groups: its leaderboard.
    """
    runs = {run.key: run for run in study.runs}
    found: dict[str, list[tuple[SeedGroup, RecordedRun]]] = {}
    for group in groups:
        run = runs[group.first.key]
        ours = not run.imported and not is_untrained(group.first)
        if ours and group.first.split == run.main.split:
            found.setdefault(compare_page(run), []).append((group, run))
    known = loss_looks(study)
    made = []
    for page, members in found.items():
        usual = [(group, run) for group, run in members if not run.schedule]
        shown = usual or members
        run = shown[0][1]
        detector = " ".join(filter(None, [run.title("detector"), run.backbone]))
        title = study.dataset_title(run.dataset)
        looks = {group.key: known[run.full_loss] for group, run in shown}
        every = tuple(group for group, _ in shown)
        made.append(Contest(run.dataset, title, detector, page, every, looks))
    return made
