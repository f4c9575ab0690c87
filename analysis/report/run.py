"""What a run's page shows: status, metrics, curves, classes, samples and provenance."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from analysis.errors import InputError
from analysis.figures_balance import training_record
from analysis.figures_chart import chart_svg
from analysis.figures_curves import training_charts
from analysis.figures_detections import detection_charts
from analysis.leaderboard import COLUMNS
from analysis.measures.balance import gradient_rates, rate_summary
from analysis.measures.matches import read_matches
from analysis.papers_model import Column
from analysis.records import Evaluation, Run, Study
from analysis.report.samples import Sample, samples
from analysis.table_values import finite
from analysis.tables_model import DIGITS

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
CLASS_METRICS = (
    *(Column(f"AP{t}", f"AP{t}", 100, 1, "higher") for t in ("", 50, 75)),
    *COLUMNS[4:8],
    Column("spearman", "Spearman", 1, 2, "higher"),
    Column("n_gt", "objects", 1, 0),
    Column("n_tp", "found", 1, 0),
    Column("lrp_threshold", "threshold", 1, 3),
)


@dataclass(frozen=True)
class SplitView:
    """One evaluated split on a run's page; `problem` says why it shows no samples."""

    evaluation: Evaluation
    metrics: list[tuple[Column, float | None]]
    classes: list[tuple[str, list[float | None]]]
    charts: tuple[Markup, ...]
    samples: list[Sample]
    problem: str | None


def run_context(study: Study, run: Run, report: Path) -> dict[str, Any]:
    """The context of a run's page; writes the sample images into the report's folder."""
    frame = training_record(run)
    charts = [] if frame is None else training_charts(frame)
    return {
        "run": run,
        "charts": [Markup(chart_svg(chart, "training")) for chart in charts],
        "balance": None if frame is None else _balance(frame),
        "splits": [_split(study, run, e, report, i) for i, e in enumerate(run.evaluations)],
        "class_columns": CLASS_METRICS,
        "facts": _facts(run),
        "provenance": _flat(run.provenance),
    }


def _balance(frame: pd.DataFrame) -> dict[str, float | int | None] | None:
    recorded = {"grad_pos", "grad_neg"} <= set(frame.columns)
    return rate_summary(gradient_rates(frame)) if recorded else None


def _split(study: Study, run: Run, evaluation: Evaluation, report: Path, index: int) -> SplitView:
    drawn: list[Sample] = []
    charts: tuple[Markup, ...] = ()
    problem = evaluation.reason
    if not problem:
        try:
            matches = read_matches(evaluation.folder / "matches.parquet")
            charts = tuple(
                Markup(chart_svg(chart, f"split{index}")) for chart in detection_charts(matches)
            )
            drawn = samples(study, run.dataset, evaluation, report)
        except InputError as error:
            problem = str(error)
    return SplitView(
        evaluation=evaluation,
        metrics=[(column, _printed(evaluation.metrics, column)) for column in METRICS],
        classes=[
            (evaluation.class_names.get(k, k), [_printed(values, c) for c in CLASS_METRICS])
            for k, values in evaluation.per_class.items()
        ],
        charts=charts,
        samples=drawn,
        problem=problem,
    )


def _printed(values: Mapping[str, Any], column: Column) -> float | None:
    value = finite(values.get(column.metric))
    return None if value is None else round(value * column.scale, DIGITS)


def _facts(run: Run) -> dict[str, Any]:
    training = run.training
    resumed = training.get("resumed_from") or []
    return {
        "iterations": training.get("iterations"),
        "epochs": training.get("epochs"),
        "seconds": finite(training.get("seconds")),
        "seconds_per_iteration": finite(training.get("seconds_per_iteration")),
        "memory": finite(training.get("peak_memory_mb")),
        "device": training.get("device"),
        "resumed": ", ".join(str(iteration) for iteration in resumed),
    }


def _flat(record: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested provenance as (name, text) pairs in the record's order."""
    pairs: list[tuple[str, str]] = []
    for key, value in record.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            pairs += _flat(value, f"{name}: ")
        elif isinstance(value, bool):
            pairs.append((name, "yes" if value else "no"))
        else:
            pairs.append((name, "–" if value is None else str(value)))
    return pairs
