"""The metrics of a record as a run's page shows them: values with intervals, bins and errors."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rankdet.evaluation import registry
from rankdet.evaluation.metric import RUN, SPARSITY, Metric
from rankdet.results.recorded_run import Evaluation

GAIN = registry.by_key()["AP50"]  # TIDE's gains are differences of AP50
# TIDE's kinds of errors (Bolya et al., ECCV 2020), in TIDE's order: name and meaning.
ERRORS = {
    "Cls": ("wrong class", "the box fits an object (IoU .5 or more), but the class is wrong."),
    "Loc": ("badly placed", "the class is right, but the IoU with the object is only .1 to .5."),
    "Both": ("both", "the class is wrong, and the IoU with the object is only .1 to .5."),
    "Dupe": ("duplicate", "right, but a detection with a higher score matched the object."),
    "Bkg": ("background", "the IoU is at most .1 with every object."),
    "Miss": ("missed", "an object that was not found and that the first two kinds do not explain."),
    "FP": ("all false alarms", "the gain if all wrong detections were removed."),
    "FN": ("all missed objects", "the gain if no object were missed."),
}


@dataclass(frozen=True)
class Value:
    """One metric in printed units, with the ends of its interval over images.

    `approximate`: the interval contains the true value less often than it says.
    """

    metric: Metric
    value: float | None
    low: float | None = None
    high: float | None = None
    approximate: bool = False


@dataclass(frozen=True)
class Group:
    """Metrics that belong together."""

    title: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class SparsityBin:
    """The images with so many objects, such as `0-3` or `21+`.

    Attributes:
        objects_per_image: The range.
        images: Number of images.
        objects: Number of objects in them.
        values: The metrics with the place `SPARSITY`, in printed units.
    """

    objects_per_image: str
    images: int
    objects: int
    values: tuple[float | None, ...]


@dataclass(frozen=True)
class ErrorLine:
    """One kind of error.

    Attributes:
        kind: TIDE's name for it.
        title: The name in plain words.
        meaning: How to read it.
        gained: AP50 × 100 that is gained if this kind alone is corrected.
        count: Number of such errors; None for `FP` and `FN`, which TIDE does not count.
        share: `gained` divided by the largest of all kinds, in [0, 1], for a bar.
    """

    kind: str
    title: str
    meaning: str
    gained: float | None
    count: int | None
    share: float


@dataclass(frozen=True)
class SplitMetrics:
    """The metrics of a run's boxes or masks on one split.

    Attributes:
        of: `boxes` or `masks`.
        groups: All metrics of the page.
        draws: Number of draws of the images for the intervals; None if there are no intervals.
        percent: Coverage of the intervals, such as `95%`.
        sparsity: Metrics by objects per image.
        errors: TIDE's errors; empty if nothing was detected.
        base: The AP50 × 100 to which `gained` is added.
    """

    of: str
    groups: tuple[Group, ...]
    draws: int | None
    percent: str
    sparsity: tuple[SparsityBin, ...]
    errors: tuple[ErrorLine, ...]
    base: float | None

    @property
    def values(self) -> tuple[Value, ...]:
        """All metrics of the page, in order."""
        return tuple(value for group in self.groups for value in group.values)


def split_metrics(evaluation: Evaluation) -> list[SplitMetrics]:
    """Returns the metrics of boxes, and those of masks if the detections have masks."""
    masks = evaluation.masks
    parts = {"boxes": evaluation.content, "masks": masks.to_dict() if masks else {}}
    return [_metrics(of, record) for of, record in parts.items() if record]


def _metrics(of: str, record: Mapping[str, Any]) -> SplitMetrics:
    intervals = record.get("intervals") or {}
    ends = intervals.get("metrics") or {}
    shown = [metric for metric in registry.shown_in(RUN) if metric.is_in(record)]
    errors = record.get("errors") or {}
    return SplitMetrics(
        of=of,
        groups=tuple(
            Group(title, tuple(value_of(record, metric) for metric in metrics))
            for title, metrics in registry.grouped(shown)
        ),
        draws=intervals.get("replicates") if any(ends.values()) else None,
        percent=f"{100 * intervals.get('level', 0):g}%",
        sparsity=tuple(_bin(one) for one in record.get("sparsity") or ()),
        errors=_errors(errors),
        base=GAIN.scaled(errors.get("ap_base")),
    )


def value_of(record: Mapping[str, Any], metric: Metric) -> Value:
    """Returns a metric of a record with its interval over images, in printed units."""
    intervals = record.get("intervals") or {}
    low, high = (intervals.get("metrics") or {}).get(metric.key) or (None, None)
    value, low, high = (metric.scaled(v) for v in (metric.value(record), low, high))
    return Value(metric, value, low, high, metric.key in (intervals.get("approximate") or ()))


def _bin(record: Mapping[str, Any]) -> SparsityBin:
    return SparsityBin(
        registry.object_range(record),
        record["images"],
        record["objects"],
        tuple(metric.printed(record) for metric in registry.shown_in(SPARSITY)),
    )


def _errors(record: Mapping[str, Any]) -> tuple[ErrorLine, ...]:
    gains = {k: GAIN.scaled(v) for k, v in (record.get("delta_ap") or {}).items()}
    counts = record.get("counts") or {}
    largest = max((gain for gain in gains.values() if gain), default=0.0)
    lines = []
    for kind, (title, meaning) in ERRORS.items():
        if kind in gains:
            gain = gains[kind]
            share = max(gain or 0.0, 0.0) / largest if largest > 0 else 0.0
            lines.append(ErrorLine(kind, title, meaning, gain, counts.get(kind), share))
    return tuple(lines)
