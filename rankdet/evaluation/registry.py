"""Access to the metrics: by key, by place, by group, and their values in a record.

Leaderboard, tables, pages, commands and documentation read the metrics here. Their entries are in
`rankdet.evaluation.metric_list`.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from rankdet.evaluation.metric import Metric
from rankdet.evaluation.metric_list import GROUPS, METRICS

__all__ = [
    "GROUPS",
    "METRICS",
    "by_key",
    "describe",
    "find",
    "grouped",
    "markdown",
    "object_range",
    "shown_in",
    "values",
]


@cache
def by_key() -> dict[str, Metric]:
    """Returns all metrics by their keys."""
    return {metric.key: metric for metric in METRICS}


def find(key: str) -> Metric | None:
    """Returns the metric of a key, also of masks (`segm.AP`); None if it is not registered."""
    if key.startswith("segm."):
        metric = by_key().get(key.removeprefix("segm."))
        return metric.of_masks() if metric else None
    return by_key().get(key)


def describe(key: str) -> Metric:
    """Returns the metric of a key; a key that is not registered becomes a metric of that name.

    Records of other versions may contain metrics that are not registered here.
    """
    return find(key) or Metric(key, key, "", "", None, decimals=3, shown=())


def shown_in(place: str) -> tuple[Metric, ...]:
    """Returns the metrics that are shown in a place, in order."""
    return tuple(metric for metric in METRICS if place in metric.shown)


def grouped(metrics: Iterable[Metric]) -> list[tuple[str, list[Metric]]]:
    """Returns the titles of the groups in their order, each with the given metrics of the group.

    Groups without a metric are left out.
    """
    members: dict[str, list[Metric]] = {name: [] for name in GROUPS}
    for metric in metrics:
        members[metric.group].append(metric)
    return [(GROUPS[name], found) for name, found in members.items() if found]


def object_range(sparsity_bin: Mapping[str, Any]) -> str:
    """Returns the objects per image of a bin of `sparsity`: `0-3`, or `21+` for the last."""
    low, high = sparsity_bin["low"], sparsity_bin["high"]
    return f"{low}+" if high is None else f"{low}-{high}"


def markdown() -> str:
    """Returns the table of all metrics for `docs/evaluation.md`."""
    lines = ["| key | name | meaning | better | printed | interval |", "|---|---|---|---|---|---|"]
    for metric in METRICS:
        unit = f"× {metric.scale:g}, " if metric.scale != 1 else ""
        cells = [
            f"`{metric.key}`",
            metric.header,
            metric.meaning,
            metric.better or "–",
            f"{unit}{metric.decimals} decimals",
            metric.interval or "–",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def values(record: Mapping[str, Any]) -> dict[str, Any]:
    """Returns all metrics of a record: key to value in the record's unit.

    Args:
        record: A `metrics.json`, its part `segm`, or another mapping with the same keys; `training`
            and `speed` may hold the records of the training and of the inference speed.

    Returns:
        Registered metrics in the registry's order, then the other ones in the record's `metrics`.
    """
    known = {m.key: m.value(record) for m in METRICS if m.is_in(record)}
    return {**known, **{k: v for k, v in (record.get("metrics") or {}).items() if k not in known}}
