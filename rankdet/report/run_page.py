"""Run pages: status, metrics, curves, errors, classes, sample images and provenance."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from rankdet.charts.chart import Chart
from rankdet.charts.looks import with_look
from rankdet.charts.svg import chart_svg
from rankdet.datasets.left_out import described
from rankdet.errors import InputError
from rankdet.evaluation.metric import CLASSES, SPARSITY
from rankdet.evaluation.metrics.gradient_balance import rate_summary
from rankdet.evaluation.metrics.matches import read_matches
from rankdet.evaluation.registry import shown_in
from rankdet.evaluation.shown import limits_of_classes, read_shown
from rankdet.report.charts.detections import detection_charts
from rankdet.report.charts.quality import quality_charts
from rankdet.report.charts.small_multiples import small_multiples
from rankdet.report.charts.training import training_charts, training_rates
from rankdet.report.compare_page import Comparison
from rankdet.report.errors_section import ErrorView, error_view
from rankdet.report.learning_rates import rate_words
from rankdet.report.page_keys import PageKeys, Stamp
from rankdet.report.page_store import PageStore, RunContent
from rankdet.report.paths import EPOCHS, compare_page, run_files, run_page
from rankdet.report.run_files import run_texts, write_texts
from rankdet.report.run_metrics import SplitMetrics, split_metrics
from rankdet.report.sample_images import Sample, image_stamps, samples, write_sample_images
from rankdet.report.site import Site
from rankdet.report.sweep_section import sweep_view
from rankdet.report.variants_section import COLUMNS, epoch_lines, variant_lines, variant_views
from rankdet.results.layout import MATCHES, SHOWN, TRAINING
from rankdet.results.recorded_run import Evaluation, RecordedRun
from rankdet.results.records import RecordedStudy
from rankdet.results.training_record import training_record
from rankdet.results.unreadable import unreadable

CLASS_METRICS = shown_in(CLASSES)
PLAIN_NAMES = {"dirty": "uncommitted changes"}  # of keys in records


@dataclass(frozen=True)
class Speed:
    """The measured speed of inference: milliseconds per image, images timed, and the machine."""

    milliseconds: float
    images: int | None
    machine: str


@dataclass(frozen=True)
class SplitView:
    """One evaluated split on a run's page.

    `problem` is the reason for missing samples, `damaged` what is wrong with its matches.
    """

    evaluation: Evaluation
    metrics: list[SplitMetrics]
    classes: list[tuple[str, list[float | None]]]
    charts: tuple[Markup, ...]
    samples: list[Sample]
    errors: ErrorView | None
    rank_chart: Markup | None
    speed: Speed | None
    problem: str | None
    damaged: str | None


def write_run_pages(
    site: Site, compared: Sequence[Comparison], store: PageStore, keys: PageKeys
) -> None:
    """Writes the page of each run, with its files and sample images."""
    pages = {one.page for one in compared}
    pictures = _Pictures(site.study, site.folder)
    seeds = defaultdict(list)
    for run in site.study.runs:
        seeds[_without_seed(run)].append(run)
    for run in site.study.runs:
        compare = compare_page(run) if compare_page(run) in pages and not run.untrained else ""
        page = run_page(run.key)
        shown = _Page(run, compare, seeds[_without_seed(run)])
        content = _content(site, store, keys, pictures, shown)
        site.write(page, "run.html.j2", run=run, content=Markup(content))


@dataclass(frozen=True)
class _Page:
    """A run's page: the run, the page that compares it or "", and all seeds of its loss."""

    run: RecordedRun
    compare: str
    seeds: Sequence[RecordedRun]


def _without_seed(run: RecordedRun) -> str:
    return run.key.rpartition("/")[0]


class _Pictures:
    """The sample images of the splits of a study, which the pages of many runs share."""

    def __init__(self, study: RecordedStudy, report: Path) -> None:
        self._study, self._report = study, report
        self._stamps: dict[tuple[str, str], list[Stamp]] = {}
        self._written: set[tuple[str, str]] = set()

    def stamps(self, run: RecordedRun) -> list[Stamp]:
        """Returns what changes when an image of a run's page does.

        Raises:
            InputError: The annotations of a split cannot be read.
        """
        names = dict.fromkeys(one.split for one in run.evaluations if not one.reason)
        for name in names:
            if (run.dataset, name) not in self._stamps:
                self._stamps[run.dataset, name] = image_stamps(self._study, run.dataset, name)
        return [one for name in names for one in self._stamps[run.dataset, name]]

    def write(self, run: RecordedRun) -> None:
        """Writes the images of a run's page into the report, unless another page did.

        Raises:
            InputError: An image cannot be read.
        """
        for name in (one.split for one in run.evaluations if not one.reason):
            if (run.dataset, name) not in self._written:
                write_sample_images(self._study, run.dataset, name, self._report)
                self._written.add((run.dataset, name))


def _content(site: Site, store: PageStore, keys: PageKeys, pictures: _Pictures, page: _Page) -> str:
    """Returns the content of a run's page, stored or made now, and writes the run's files."""
    study, run = site.study, page.run
    folder = site.folder / run_files(run.key)
    try:
        said = [page.compare, [one.key for one in page.seeds], pictures.stamps(run)]
        key = keys.of_runs("run", [run], said)
        found = store.read(key, RunContent)
        if found:
            pictures.write(run)
    except InputError:  # the page says what is wrong with its images
        key, found = "", None
    if found:
        write_texts(folder, found.files)
        return found.content
    files, context = _context(study, run, site.folder, site.looks[run.full_loss])
    write_texts(folder, files)
    content = site.render(
        run_page(run.key),
        "run_content.html.j2",
        compare_page=page.compare,
        seeds=page.seeds,
        **context,
    )
    site.notes.update(dict.fromkeys(context["damaged"]))
    if key and not context["damaged"]:  # a page with a fault is made each time
        store.write(key, RunContent(content, files))
    return content


def _context(
    study: RecordedStudy, run: RecordedRun, report: Path, look: int
) -> tuple[dict[str, str], dict[str, Any]]:
    """Returns the run's files, name to text, and what its page shows; `look`: of its loss."""
    frame = training_record(run)
    rates = None if frame is None else training_rates(frame)
    charts = [] if frame is None else training_charts(frame, rates)
    splits = [_split(study, run, e, report, i, look) for i, e in enumerate(run.evaluations)]
    damaged = [None if frame is not None else unreadable(run, TRAINING)]
    damaged += [split.damaged for split in splits]
    sweep = sweep_view(run, look)
    metrics = [(split.evaluation.split, split.metrics) for split in splits]
    return run_texts(metrics, sweep), {
        "run": run,
        "damaged": [line for line in damaged if line],
        "charts": [_svg(chart, look, "training") for chart in charts],
        "balance": None if rates is None else rate_summary(rates),
        "splits": splits,
        "sweep": sweep,
        "sweep_charts": [Markup(chart_svg(c, "sweep")) for c in (sweep.charts if sweep else ())],
        "variants": variant_lines(run),
        "variant_views": variant_views(run),
        "variant_columns": COLUMNS,
        "epochs": epoch_lines(run),
        "epochs_id": EPOCHS,
        "files": run_files(run.key),
        "class_columns": CLASS_METRICS,
        "sparsity_columns": shown_in(SPARSITY),
        "facts": _facts(run),
        "left_out": _left_out(study, run),
        "rate": rate_words(run),
        "provenance": _flat(run.provenance.to_dict()),
    }


def _split(
    study: RecordedStudy,
    run: RecordedRun,
    evaluation: Evaluation,
    report: Path,
    index: int,
    look: int,
) -> SplitView:
    drawn: list[Sample] = []
    charts = quality_charts(evaluation.content)
    errors: ErrorView | None = None
    problem = evaluation.reason
    damaged: str | None = None
    if not problem:
        try:
            matches = read_matches(evaluation.folder / MATCHES)
            charts = [*detection_charts(matches), *charts]
            limits = limits_of_classes(evaluation.per_class)
            kept = read_shown(evaluation.folder / SHOWN, matches, limits)
            errors = error_view(study, run.dataset, evaluation, matches, kept)
            drawn = samples(study, run.dataset, evaluation, report, matches=matches, kept=kept)
        except InputError as error:
            damaged = _damaged_matches(run, evaluation)
            problem = damaged or str(error)
    return SplitView(
        evaluation=evaluation,
        metrics=split_metrics(evaluation),
        classes=[
            (evaluation.class_names.get(k, k), [m.printed(values) for m in CLASS_METRICS])
            for k, values in evaluation.per_class.items()
        ],
        charts=tuple(_svg(chart, look, f"split{index}") for chart in charts),
        samples=drawn,
        errors=errors,
        rank_chart=Markup(chart_svg(with_look(errors.chart, look), f"split{index}"))
        if errors and errors.chart
        else None,
        speed=_speed(evaluation),
        problem=problem,
        damaged=damaged,
    )


def _svg(chart: Chart, look: int, prefix: str) -> Markup:
    """A chart of the run, in the look of its loss; `chart_svg` escapes all names."""
    return Markup(chart_svg(with_look(small_multiples(chart), look), prefix))


def _damaged_matches(run: RecordedRun, evaluation: Evaluation) -> str | None:
    folder = evaluation.folder.relative_to(run.folder).as_posix()
    return unreadable(run, MATCHES, "" if folder == "." else folder)


def _speed(evaluation: Evaluation) -> Speed | None:
    found = evaluation.speed
    if found is None or not found.seconds_per_image:
        return None
    machine = found.hardware or {}
    threads = machine.get("threads")
    words = ""
    if threads and not machine.get("gpu"):
        words = f", {threads} thread{'' if threads == 1 else 's'}"
    name = machine.get("gpu") or machine.get("cpu") or found.device or "an unknown machine"
    return Speed(1000 * found.seconds_per_image, found.images, f"{name}{words}")


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
        "went_on": ", ".join(str(epoch) for epoch in training.went_on_from or ()),
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
    if run.untrained or run.imported or split is None or not split.left_out:
        return ""
    return described(split.left_out)


def _flat(record: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested provenance as (name, text) pairs in the record's order."""
    pairs: list[tuple[str, str]] = []
    for key, value in record.items():
        name = prefix + PLAIN_NAMES.get(key, key.replace("_", " "))
        if isinstance(value, Mapping):
            pairs += _flat(value, f"{name}: ")
        elif isinstance(value, bool):
            pairs.append((name, "yes" if value else "no"))
        else:
            pairs.append((name, "–" if value is None else str(value)))
    return pairs
