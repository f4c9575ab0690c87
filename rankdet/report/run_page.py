"""Run pages: status, metrics, curves, classes, sample images and provenance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from rankdet.charts.svg import chart_svg
from rankdet.datasets.left_out import described
from rankdet.errors import InputError
from rankdet.evaluation.metric import CLASSES, SPARSITY
from rankdet.evaluation.metrics.gradient_balance import gradient_rates, rate_summary
from rankdet.evaluation.metrics.matches import read_matches
from rankdet.evaluation.registry import shown_in
from rankdet.report.charts.detections import detection_charts
from rankdet.report.charts.training import training_charts
from rankdet.report.compare_page import Comparison
from rankdet.report.paths import EPOCHS, compare_page, run_files, run_page
from rankdet.report.run_files import write_run_files
from rankdet.report.run_metrics import SplitMetrics, split_metrics
from rankdet.report.sample_images import Sample, samples
from rankdet.report.site import Site
from rankdet.report.sweep_section import sweep_view
from rankdet.report.variants_section import COLUMNS, epoch_lines, variant_lines
from rankdet.results.layout import MATCHES
from rankdet.results.records import Evaluation, RecordedRun, RecordedStudy
from rankdet.results.training_record import training_record

CLASS_METRICS = shown_in(CLASSES)


@dataclass(frozen=True)
class SplitView:
    """One evaluated split on a run's page; `problem` is the reason for missing samples."""

    evaluation: Evaluation
    metrics: list[SplitMetrics]
    classes: list[tuple[str, list[float | None]]]
    charts: tuple[Markup, ...]
    samples: list[Sample]
    problem: str | None


def write_run_pages(site: Site, compared: Sequence[Comparison]) -> None:
    """Writes the page of each run, with its files and sample images."""
    pages = {one.page for one in compared}
    for run in site.study.runs:
        compare = compare_page(run) if compare_page(run) in pages and not run.untrained else ""
        context = _context(site.study, run, site.folder)
        site.write(run_page(run.key), "run.html.j2", compare_page=compare, **context)


def _context(study: RecordedStudy, run: RecordedRun, report: Path) -> dict[str, Any]:
    files = run_files(run.key)
    frame = training_record(run)
    charts = [] if frame is None else training_charts(frame)
    splits = [_split(study, run, e, report, i) for i, e in enumerate(run.evaluations)]
    sweep = sweep_view(run)
    metrics = [(split.evaluation.split, split.metrics) for split in splits]
    write_run_files(report / files, metrics, sweep)
    return {
        "run": run,
        "charts": [Markup(chart_svg(chart, "training")) for chart in charts],
        "balance": None if frame is None else _balance(frame),
        "splits": splits,
        "sweep": sweep,
        "sweep_charts": [Markup(chart_svg(c, "sweep")) for c in (sweep.charts if sweep else ())],
        "variants": variant_lines(run),
        "variant_columns": COLUMNS,
        "epochs": epoch_lines(run),
        "epochs_id": EPOCHS,
        "files": files,
        "class_columns": CLASS_METRICS,
        "sparsity_columns": shown_in(SPARSITY),
        "facts": _facts(run),
        "left_out": _left_out(study, run),
        "provenance": _flat(run.provenance.to_dict()),
    }


def _balance(frame: pd.DataFrame) -> dict[str, float | int | None] | None:
    recorded = {"grad_pos", "grad_neg"} <= set(frame.columns)
    return rate_summary(gradient_rates(frame)) if recorded else None


def _split(
    study: RecordedStudy, run: RecordedRun, evaluation: Evaluation, report: Path, index: int
) -> SplitView:
    drawn: list[Sample] = []
    charts: tuple[Markup, ...] = ()
    problem = evaluation.reason
    if not problem:
        try:
            matches = read_matches(evaluation.folder / MATCHES)
            charts = tuple(
                Markup(chart_svg(chart, f"split{index}")) for chart in detection_charts(matches)
            )
            drawn = samples(study, run.dataset, evaluation, report)
        except InputError as error:
            problem = str(error)
    return SplitView(
        evaluation=evaluation,
        metrics=split_metrics(evaluation),
        classes=[
            (evaluation.class_names.get(k, k), [m.printed(values) for m in CLASS_METRICS])
            for k, values in evaluation.per_class.items()
        ],
        charts=charts,
        samples=drawn,
        problem=problem,
    )


def _facts(run: RecordedRun) -> dict[str, Any]:
    training, hardware = run.training, run.provenance.hardware or {}
    return {
        "iterations": training.iterations,
        "epochs": training.epochs,
        "seconds": training.seconds,
        "seconds_per_iteration": training.seconds_per_iteration,
        "memory": training.peak_memory_mb,
        "device": training.device,
        "processor": _processor(hardware),
        "threads": hardware.get("threads"),
        "resumed": ", ".join(str(iteration) for iteration in training.resumed_from or ()),
    }


def _processor(hardware: Mapping[str, Any]) -> str | None:
    """The processor and its instructions, on which the last digits of a run depend."""
    found = [hardware.get("cpu"), hardware.get("instruction_set")]
    return ", ".join(str(one) for one in found if one) or None


def _left_out(study: RecordedStudy, run: RecordedRun) -> str:
    """What training did not use of its annotations, in words; empty if it used all of them."""
    manifest = study.manifests.get(run.dataset)
    split = manifest.splits.get("train") if manifest else None
    if run.untrained or split is None or not split.left_out:
        return ""
    return described(split.left_out)


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
