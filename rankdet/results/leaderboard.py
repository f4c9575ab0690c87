"""All runs of a study in one table: status, metrics as printed, and the untrained baseline."""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rankdet.papers.spec import Column
from rankdet.papers.table import unusable
from rankdet.papers.table_model import DIGITS
from rankdet.papers.values import finite
from rankdet.results.records import (
    FAILED,
    NOT_EVALUATED,
    NOT_RUN,
    Evaluation,
    Run,
    Study,
    load_study,
)

COLUMNS = (
    *(Column(f"AP{t}", f"AP{t}", 100, 1, "higher") for t in ("", 50, 75, 90)),
    Column("oLRP", "oLRP", 100, 1, "lower"),
    Column("oLRP_Loc", "Loc", 100, 1, "lower"),
    Column("oLRP_FP", "FP", 100, 1, "lower"),
    Column("oLRP_FN", "FN", 100, 1, "lower"),
    Column("pearson", "Pearson", 1, 2, "higher"),
    Column("spearman", "Spearman", 1, 2, "higher"),
    Column("kendall", "Kendall", 1, 2, "higher"),
)
MASKS = (
    Column("AP", "mask AP", 100, 1, "higher"),
    Column("AP50", "mask AP50", 100, 1, "higher"),
    Column("oLRP", "mask oLRP", 100, 1, "lower"),
)
UNTRAINED = Column("AP50", "untrained AP50", 100, 1)
EMPTY = (FAILED, NOT_EVALUATED, NOT_RUN)
SPEED = Column("training.seconds_per_iteration", "s/iteration", 1, 3, "lower")


@dataclass(frozen=True)
class Entry:
    """One run on one split.

    Attributes:
        run: The run.
        evaluation: Its detections' measures on the split.
        reason: Why there are none, where that is so.
        values: Those of `COLUMNS`, then of `MASKS`, in printed units; None where undefined.
        untrained_ap50: AP50 of the same detector before training, in printed units.
        seconds_per_iteration: Of its training.
    """

    run: Run
    evaluation: Evaluation
    reason: str | None
    values: tuple[float | None, ...]
    untrained_ap50: float | None
    seconds_per_iteration: float | None


def build_leaderboard(plan_path: str | Path, out_csv: str | Path) -> None:
    """Writes every run of a study, with its status and metrics, into one CSV file.

    Raises:
        InputError: the plan cannot be used; never for a run that failed.
    """
    write_leaderboard(leaderboard(load_study(plan_path)), Path(out_csv))


def leaderboard(study: Study) -> list[Entry]:
    """One entry a run and split, in the plan's order, but untrained models last.

    A run without any result has one in all.
    """
    return [
        _entry(study, run, evaluation)
        for run in sorted(study.runs, key=lambda run: run.untrained)
        for evaluation in run.evaluations
        if evaluation is run.main or run.status not in EMPTY
    ]


def columns(entries: Iterable[Entry]) -> tuple[Column, ...]:
    """The metrics to show of these runs: those of masks only where one predicts masks."""
    masks = any(v is not None for entry in entries for v in entry.values[len(COLUMNS) :])
    return (*COLUMNS, *MASKS) if masks else COLUMNS


def write_leaderboard(entries: list[Entry], path: Path) -> None:
    """Writes entries as CSV: AP and oLRP × 100, correlations as coefficients, time in seconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    identity = ["key", "dataset", "split", "detector", "loss", "variant", "seed"]
    shown = columns(entries)
    header = [*identity, "status", "reason", *(c.header for c in shown)]
    with path.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow([*header, UNTRAINED.header, SPEED.header])
        for entry in entries:
            run = entry.run
            names = [run.key, run.dataset, entry.evaluation.split, run.detector, run.loss]
            state = [run.variant, run.seed, run.status, entry.reason or ""]
            measured = [entry.untrained_ap50, entry.seconds_per_iteration]
            writer.writerow([*names, *state, *entry.values[: len(shown)], *measured])


def _entry(study: Study, run: Run, evaluation: Evaluation) -> Entry:
    checksum = study.manifests.get(run.dataset, {}).get("checksum")
    reason = run.reason or evaluation.reason or unusable(run, checksum)
    hidden = unusable(run, checksum) and run.main is evaluation
    boxes, masks = ({}, {}) if hidden else (evaluation.metrics, evaluation.mask_metrics)
    untrained = None if run.untrained else study.untrained_for(run)
    baseline = _same_split(untrained, evaluation.split)
    return Entry(
        run=run,
        evaluation=evaluation,
        reason=reason,
        values=(*(_printed(boxes, c) for c in COLUMNS), *(_printed(masks, c) for c in MASKS)),
        untrained_ap50=_printed(baseline.metrics, UNTRAINED) if baseline else None,
        seconds_per_iteration=finite(run.training.get("seconds_per_iteration")),
    )


def _same_split(run: Run | None, split: str) -> Evaluation | None:
    evaluations = run.evaluations if run else ()
    return next((e for e in evaluations if e.split == split), None)


def _printed(metrics: Mapping[str, object], column: Column) -> float | None:
    value = finite(metrics.get(column.metric))
    return None if value is None else round(value * column.scale, DIGITS)
