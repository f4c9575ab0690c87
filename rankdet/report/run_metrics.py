"""A record's measures as a run's page shows them: values with intervals, and TIDE's errors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rankdet.papers.spec import Column
from rankdet.papers.table_model import DIGITS
from rankdet.papers.values import finite
from rankdet.results.leaderboard import COLUMNS
from rankdet.results.records import Evaluation

METRICS = (
    *COLUMNS[:4],
    *(Column(f"AP_{s}", f"AP {s}", 100, 1, "higher") for s in ("small", "medium", "large")),
    *(Column(f"AR{n}", f"AR {n}", 100, 1, "higher") for n in (1, 10, 100)),
    *COLUMNS[4:],
    *(
        Column(f"{n}_pooled", f"{n.title()}, pooled", 1, 2, "higher")
        for n in ("pearson", "spearman", "kendall")
    ),
)
GAIN = Column("delta_ap", "AP50 gained", 100, 1)
# TIDE's kinds of errors (Bolya et al., ECCV 2020), in its order: name, and how to read it.
ERRORS = {
    "Cls": ("wrong class", "placed well on an object (IoU .5 or more), but named another class."),
    "Loc": ("badly placed", "the right class, but its box is off: IoU .1 to .5 with the object."),
    "Both": ("both", "off by that much from an object, and named another class."),
    "Dupe": ("duplicate", "right and well placed, but a better scored one has found the object."),
    "Bkg": ("background", "a detection where no object is (IoU below .1 with every object)."),
    "Miss": ("missed", "an object not found, and not explained by one of the first two kinds."),
    "FP": ("all false alarms", "as if every wrong detection were removed, of whichever kind."),
    "FN": ("all missed objects", "as if no object were missed, for whichever reason."),
}


@dataclass(frozen=True)
class Value:
    """One measure in printed units, with the ends of its interval over images."""

    column: Column
    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class ErrorLine:
    """One kind of error.

    Attributes:
        kind: TIDE's name of it.
        title: the same in plain words.
        meaning: how to read it.
        gained: AP50 × 100 that correcting this kind alone would gain.
        count: how many there are; None for `FP` and `FN`, which TIDE does not count.
        share: `gained` by the largest of all kinds, in [0, 1], for a bar.
    """

    kind: str
    title: str
    meaning: str
    gained: float | None
    count: int | None
    share: float


@dataclass(frozen=True)
class Measured:
    """What is measured of a run's boxes or masks on one split.

    Attributes:
        of: `boxes` or `masks`.
        values: every measure of the page.
        draws: from how many draws of the images the intervals are; None where there are none.
        percent: how much they cover.
        errors: TIDE's; none where nothing was detected.
        base: the AP50 × 100 that `gained` adds to.
    """

    of: str
    values: tuple[Value, ...]
    draws: int | None
    percent: str
    errors: tuple[ErrorLine, ...]
    base: float | None


def measured(evaluation: Evaluation) -> list[Measured]:
    """The measures of boxes, and of masks where the detections carry some."""
    parts = {"boxes": evaluation.record, "masks": evaluation.record.get("segm") or {}}
    return [_measured(of, record) for of, record in parts.items() if record]


def printed(values: Mapping[str, Any], column: Column) -> float | None:
    """A column's value in printed units; None where undefined."""
    return _scaled(values.get(column.metric), column)


def _measured(of: str, record: Mapping[str, Any]) -> Measured:
    metrics, intervals = record.get("metrics") or {}, record.get("intervals") or {}
    ends = intervals.get("metrics") or {}
    errors = record.get("errors") or {}
    return Measured(
        of=of,
        values=tuple(_value(metrics, ends, column) for column in METRICS),
        draws=intervals.get("replicates") if any(ends.values()) else None,
        percent=f"{100 * intervals.get('level', 0):g}%",
        errors=_errors(errors),
        base=_scaled(errors.get("ap_base"), GAIN),
    )


def _value(
    metrics: Mapping[str, Any], ends: Mapping[str, Sequence[float] | None], column: Column
) -> Value:
    low, high = ends.get(column.metric) or (None, None)
    value = _scaled(metrics.get(column.metric), column)
    return Value(column, value, _scaled(low, column), _scaled(high, column))


def _errors(record: Mapping[str, Any]) -> tuple[ErrorLine, ...]:
    gains = {k: _scaled(v, GAIN) for k, v in (record.get("delta_ap") or {}).items()}
    counts = record.get("counts") or {}
    largest = max((gain for gain in gains.values() if gain), default=0.0)
    lines = []
    for kind, (title, meaning) in ERRORS.items():
        if kind in gains:
            gain = gains[kind]
            share = max(gain or 0.0, 0.0) / largest if largest > 0 else 0.0
            lines.append(ErrorLine(kind, title, meaning, gain, counts.get(kind), share))
    return tuple(lines)


def _scaled(value: Any, column: Column) -> float | None:
    known = finite(value)
    return None if known is None else round(known * column.scale, DIGITS)
