"""All runs of a study in one table: status, metrics as printed, and the untrained baseline.

`leaderboard.csv` has everything that the first page of the report shows about a run.
"""

import csv
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from rankdet.errors import InputError, in_words
from rankdet.evaluation import registry
from rankdet.evaluation.metric import LEADERBOARD, MASKS, Metric
from rankdet.files import atomic, read_csv
from rankdet.parsing import parse_number
from rankdet.results.recorded_run import Evaluation, RecordedRun
from rankdet.results.records import RecordedStudy, read_study
from rankdet.results.status import STATUSES, UNTRAINED, WITHOUT_RESULTS
from rankdet.results.usable import unusable

AP50 = registry.by_key()["AP50"]
ROUNDING = 1e-6  # of printed values
BASELINE = replace(AP50, key="untrained.AP50", header="untrained AP50", better=None)


@dataclass(frozen=True)
class Entry:
    """One run on one split: a row of the leaderboard.

    Attributes:
        key: The run's key.
        dataset: Its dataset; likewise `split`, `detector`, `loss`, `variant` and `seed`.
        status: One of `rankdet.results.status.STATUSES`.
        reason: Why there are no metrics, or the problem of the run; empty without a problem.
        dataset_title: The dataset's title on pages; likewise `detector_title` and `loss_title`.
        untrained_run: Key of the run with the same detector before training; empty if the study
            has none, or if it has no metrics.
        values: Metric key to value in printed units; None if undefined.
    """

    key: str
    dataset: str
    split: str
    detector: str
    loss: str
    variant: str
    seed: int
    status: str
    reason: str
    dataset_title: str
    detector_title: str
    loss_title: str
    untrained_run: str
    values: Mapping[str, float | None] = field(default_factory=dict)


IDENTITY = tuple(f.name for f in fields(Entry) if f.name != "values")


def build_leaderboard(plan_path: str | Path, out_csv: str | Path) -> None:
    """Writes every run of a study, with its status and metrics, into one CSV file.

    Raises:
        InputError: If the plan cannot be used; never for a run that failed.
    """
    write_leaderboard(leaderboard(read_study(plan_path)), Path(out_csv))


def leaderboard(study: RecordedStudy) -> list[Entry]:
    """Returns one entry per run and split, in the plan's order, untrained models last.

    A run without results has one entry.
    """
    return [
        _entry(study, run, evaluation)
        for run in sorted(study.runs, key=lambda run: run.untrained)
        for evaluation in run.evaluations
        if evaluation is run.main or run.status not in WITHOUT_RESULTS
    ]


def columns(entries: Iterable[Entry]) -> tuple[Metric, ...]:
    """Returns the metrics to show, in order; those of masks only if a run predicts masks."""
    boxes, masks = _all_columns()
    shown = any(entry.values.get(m.key) is not None for entry in entries for m in masks)
    return (*boxes, *masks) if shown else boxes


def write_leaderboard(entries: list[Entry], path: Path) -> None:
    """Writes entries as CSV, metrics in printed units: AP × 100, correlations unchanged."""
    shown = columns(entries)
    with atomic(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow([*IDENTITY, *(metric.header for metric in shown)])
        for entry in entries:
            identity = [getattr(entry, name) for name in IDENTITY]
            writer.writerow([*identity, *(entry.values.get(metric.key) for metric in shown)])


def read_leaderboard(path: Path) -> list[Entry]:
    """Reads what `write_leaderboard` wrote.

    Raises:
        InputError: If the file cannot be read or was cut, has other columns or a run twice.
    """
    known = {metric.header: metric for group in _all_columns() for metric in group}
    header, rows = read_csv(path)
    if wrong := set(IDENTITY) - set(header) or set(header) - set(IDENTITY) - set(known):
        raise InputError(f"{path}: column {min(wrong)!r:.60} is missing or unknown")
    try:
        entries = [_read_entry(row, known) for _, row in rows]
        if len({(entry.key, entry.split) for entry in entries}) < len(entries):
            raise ValueError("a run occurs twice")
        if path.read_bytes()[-1:] != b"\n":  # the last number may have lost digits
            raise ValueError("the end of the last line is missing")
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: {in_words(error)}; run the study again") from None
    return entries


def _all_columns() -> tuple[tuple[Metric, ...], tuple[Metric, ...]]:
    boxes: list[Metric] = []
    for metric in registry.shown_in(LEADERBOARD):
        boxes += [metric, BASELINE] if metric is AP50 else [metric]
    return tuple(boxes), tuple(metric.of_masks() for metric in registry.shown_in(MASKS))


def _read_entry(row: Mapping[str, str], known: Mapping[str, Metric]) -> Entry:
    identity: dict[str, Any] = {name: row[name] for name in IDENTITY}
    values = {m.key: parse_number(row[h]) if row[h] else None for h, m in known.items() if h in row}
    if row["status"] not in STATUSES:
        raise ValueError(f"unknown status {row['status']!r:.60}")
    for metric in known.values():
        value = values.get(metric.key)
        low, high = (metric.scale * limit for limit in metric.limits)
        if value is not None and not low - ROUNDING <= value <= high + ROUNDING:
            possible = f"from {low:g} to {high:g}" if high < math.inf else f"at least {low:g}"
            raise ValueError(f"{metric.header} is {value:g}, but {possible} is possible")
    seed = row["seed"]
    if not (seed.isascii() and seed.isdecimal() and len(seed) < 20):
        raise ValueError(f"seed {seed!r:.60} is not a whole number")
    return Entry(**{**identity, "seed": int(seed), "values": values})


def _entry(study: RecordedStudy, run: RecordedRun, evaluation: Evaluation) -> Entry:
    why_not = unusable(run, study.checksum(run.dataset))
    hidden = why_not is not None and evaluation is run.main
    untrained = None if run.untrained else study.untrained_for(run)
    baseline = _same_split(untrained, evaluation.split)
    ap50 = AP50.printed(baseline.metrics) if baseline else None
    return Entry(
        key=run.key,
        dataset=run.dataset,
        split=evaluation.split,
        detector=run.detector,
        loss=run.loss,
        variant=run.variant,
        seed=run.seed,
        status=run.status,
        reason=run.reason or evaluation.reason or why_not or "",
        dataset_title=run.title("dataset"),
        detector_title=run.title("detector"),
        loss_title=run.title("loss"),
        untrained_run=untrained.key if untrained and ap50 is not None else "",
        values={**_values(run, None if hidden else evaluation), BASELINE.key: ap50},
    )


def _values(run: RecordedRun, evaluation: Evaluation | None) -> dict[str, float | None]:
    """Returns the values of a run; only those of its training if its evaluation is left out."""
    boxes = evaluation.metrics if evaluation else {}
    masks = evaluation.mask_metrics if evaluation else {}
    found = {**boxes, **registry.values({"training": run.training.to_dict()})}
    return {
        **{m.key: m.printed(found) for m in registry.shown_in(LEADERBOARD)},
        **{m.of_masks().key: m.printed(masks) for m in registry.shown_in(MASKS)},
    }


def _same_split(run: RecordedRun | None, split: str) -> Evaluation | None:
    evaluations = run.evaluations if run else ()
    return next((e for e in evaluations if e.split == split), None)


def is_untrained(entry: Entry) -> bool:
    """Returns whether an entry is an untrained model, which is the baseline of the others."""
    return entry.status == UNTRAINED
