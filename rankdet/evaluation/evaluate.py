"""Computes all metrics from annotations and detections in COCO's format: `evaluate_files`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from rankdet.errors import InputError
from rankdet.evaluation import registry
from rankdet.evaluation.coco.loading import IOU_TYPES, load_detections, load_ground_truth
from rankdet.evaluation.coco.types import Detections, GroundTruth
from rankdet.evaluation.intervals import Draws
from rankdet.evaluation.known import check_known
from rankdet.evaluation.metric import Metric
from rankdet.evaluation.metrics.ap import ap_tables, summarise
from rankdet.evaluation.metrics.bounds import correlation_bounds
from rankdet.evaluation.metrics.calibration import calibration
from rankdet.evaluation.metrics.coco_evaluators import (
    BACKENDS,
    OWN,
    backend_tables,
)
from rankdet.evaluation.metrics.correlation import correlations
from rankdet.evaluation.metrics.error_costs import error_costs
from rankdet.evaluation.metrics.matches import AREAS, IOU_THRESHOLDS, Matches, write_matches
from rankdet.evaluation.metrics.matching import match
from rankdet.evaluation.metrics.nearest import Nearest, nearest_objects
from rankdet.evaluation.metrics.olrp import TAU, THRESHOLDS, olrp
from rankdet.evaluation.metrics.operating_point import operating_point
from rankdet.evaluation.metrics.sparsity import DEFAULT_EDGES, sparsity_bins
from rankdet.evaluation.shown import limits_of_classes, shown_of, write_shown
from rankdet.evaluation.units import finite
from rankdet.files import writing

SCHEMA = "rankdet.metrics/1"
MEMORY = 2.5  # bytes per byte of a detections file, measured on a file of 1.9 GB


@dataclass(frozen=True)
class Options:
    """What is computed, and how.

    Attributes:
        backend: What computes AP: "matches" (our matches), "hotcoco" or "pycocotools".
        lrp_thresholds: Score thresholds tried for oLRP: "exact" (all) or "grid101".
        sparsity_edges: Lowest number of objects per image of each sparsity bin.
        sparsity_crowds: Whether crowds count as objects there.
        bootstrap: Number of draws of the images for intervals; 0 computes no intervals.
        seed: Seed of those draws.
        errors: Whether to compute the cost of each kind of error (TIDE).
    """

    backend: str = OWN
    lrp_thresholds: str = "exact"
    sparsity_edges: tuple[int, ...] = DEFAULT_EDGES
    sparsity_crowds: bool = False
    bootstrap: int = 0
    seed: int = 0
    errors: bool = False

    def __post_init__(self) -> None:
        check_known("AP backend", self.backend, BACKENDS)
        check_known("LRP thresholds", self.lrp_thresholds, THRESHOLDS)
        if self.bootstrap < 0 or self.bootstrap == 1:
            raise InputError(f"{self.bootstrap} bootstrap draws: choose 0, or 2 or more")


def evaluate_files(
    gt_path: Path | str,
    detections_path: Path | str,
    *,
    iou_type: str = "bbox",
    ignore_unknown: bool = False,
    matches_path: Path | str | None = None,
    draws_store: Path | str | None = None,
    shown_path: Path | str | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Computes all metrics of the registry that need only annotations and detections.

    Args:
        gt_path: COCO-format annotations.
        detections_path: Detections in COCO's results format.
        iou_type: "bbox" or "segm".
        ignore_unknown: Leave out detections of unknown images or categories, with a note.
        matches_path: Where to write the matches (Parquet); None does not write them.
        draws_store: Folder in which the draws of the intervals are kept for comparisons, beside
            written matches (`interval_cache`); None keeps none.
        shown_path: Where to write what a report shows of single detections (`shown`); None does not
            write it.
        **options: The fields of `Options`.

    Returns:
        JSON-serialisable: `schema`, `metrics`, `per_class` (by category id), `classes` (names),
        `operating_point`, `bounds`, `sparsity`, `calibration`, `settings`, `counts`, `notes`;
        `intervals` and `errors` if the options request them. Rates and errors are in [0, 1],
        correlations in [−1, 1], undefined values None.

    Raises:
        InputError: If a file cannot be used, or an option has an unknown value.
    """
    check_known("IoU type", iou_type, IOU_TYPES)
    chosen = Options(**options)
    try:
        ground_truth = load_ground_truth(gt_path, iou_type)
        detections = load_detections(detections_path, ground_truth, iou_type, ignore_unknown)
        paths = (matches_path, draws_store, shown_path)
        places = _Places(*(None if path is None else Path(path) for path in paths))
        return _evaluate(ground_truth, detections, iou_type, places, chosen)
    except MemoryError:
        raise InputError(_too_large(gt_path, detections_path)) from None


@dataclass(frozen=True)
class _Places:
    """The files that an evaluation writes; see `evaluate_files`."""

    matches: Path | None
    draws: Path | None
    shown: Path | None


def _evaluate(
    ground_truth: GroundTruth,
    detections: Detections,
    iou_type: str,
    places: _Places,
    options: Options,
) -> dict[str, Any]:
    matches = match(ground_truth, detections, iou_type)
    if places.matches is not None:
        write_matches(matches, places.matches)

    def kept(draws: Draws) -> None:
        from rankdet.evaluation.interval_cache import keep_draws

        if places.matches is not None and places.draws is not None:
            keep_draws(matches, places.matches, draws, places.draws)

    @cache  # found when the intervals are done, which need most memory
    def near() -> Nearest:
        return nearest_objects(ground_truth, detections, matches)

    result = compute_metrics(ground_truth, detections, matches, options, kept, near)
    if places.shown is not None:
        limits = limits_of_classes(result["per_class"])
        found = shown_of(ground_truth, detections, matches, near(), limits)
        with writing(places.shown):
            write_shown(found, matches, limits, places.shown)
    return result


def _too_large(*paths: Path | str) -> str:
    largest = max(map(Path, paths), key=lambda path: path.stat().st_size)
    gigabytes = largest.stat().st_size / 1e9
    return (
        f"{largest}: {gigabytes:.2g} GB need about {MEMORY * gigabytes + 0.5:.1f} GB of memory, "
        "which this machine does not have; remove the detections of lowest score, or evaluate on a "
        "larger machine"
    )


def compute_metrics(
    ground_truth: GroundTruth,
    detections: Detections,
    matches: Matches,
    options: Options | None = None,
    keep_draws: Callable[[Draws], None] | None = None,
    near: Callable[[], Nearest] | None = None,
) -> dict[str, Any]:
    """Computes all metrics of matched detections; the result is that of `evaluate_files`.

    Args:
        ground_truth: The annotations.
        detections: The detections.
        matches: Their matches.
        options: What is computed, and how.
        keep_draws: Takes the draws of the intervals.
        near: Finds the nearest objects of the false positives; by default they are computed.
    """
    options = options or Options()
    if options.backend == OWN:
        tables = ap_tables(matches)
    else:
        tables = backend_tables(ground_truth, detections, matches.iou_type, options.backend)
    ap, ap_of = summarise(tables, matches.frequency, matches.category_ids)
    lrp, lrp_of = olrp(matches, options.lrp_thresholds)
    at_optimum, rates_of = operating_point(
        matches, {k: values["lrp_threshold"] for k, values in lrp_of.items()}
    )
    correlation, correlation_of, classes = correlations(matches)
    positives = {one.category_id: one.positives() for one in matches.per_class()}
    scores = calibration(matches)
    laece = scores.pop("LaECE_per_class")
    computed, computed_of = registered(matches)
    result = {
        "schema": SCHEMA,
        "metrics": {**ap, **lrp, **correlation, **computed},
        "per_class": {
            str(k): {
                **ap_of[k],
                **lrp_of[k],
                **rates_of[k],
                **correlation_of[k],
                "LaECE": laece[k],
                "n_gt": positives[k],
                **{key: values.get(k) for key, values in computed_of.items()},
            }
            for k in matches.category_ids.tolist()
        },
        "classes": {str(k): name for k, name in matches.names.items()},
        "operating_point": at_optimum,
        "bounds": correlation_bounds(matches),
        "sparsity": sparsity_bins(matches, options.sparsity_edges, options.sparsity_crowds),
        "calibration": scores,
        "settings": {
            **asdict(options),
            "sparsity_edges": list(options.sparsity_edges),
            "iou_type": matches.iou_type,
            "max_dets": list(tables.limits),
            "iou_thresholds": [round(float(t), 2) for t in IOU_THRESHOLDS],
            "areas": {name: list(limits) for name, limits in AREAS.items()},
            "lrp_tau": TAU,
        },
        "counts": {
            "images": len(ground_truth.image_ids),
            "ground_truth": int((~ground_truth.crowd).sum()),
            "crowd": int(ground_truth.crowd.sum()),
            "detections": len(detections),
            "considered": len(matches.detections),
            "classes": sum(n > 0 for n in positives.values()),
            "correlation_classes": classes,
        },
        "notes": matches.notes,
    }
    if options.bootstrap:
        result["intervals"] = _intervals(matches, options, keep_draws)
    if options.errors:
        result["errors"] = error_costs(ground_truth, detections, matches, near() if near else None)
    return result


def registered(
    matches: Matches, metrics: Sequence[Metric] = registry.METRICS
) -> tuple[dict[str, float | None], dict[str, dict[int, float | None]]]:
    """Computes the metrics whose registry entry names a function of the matches.

    Args:
        matches: The matches.
        metrics: The entries; those without `compute` are left out.

    Returns:
        Metric key to value; and, for metrics that are computed by class, metric key to category id
        to value. None where undefined.

    Raises:
        InputError: If an entry's function cannot be imported.
    """
    totals: dict[str, float | None] = {}
    per_class: dict[str, dict[int, float | None]] = {}
    for metric in (one for one in metrics if one.compute):
        found = metric.function()(matches)
        if isinstance(found, Mapping):
            per_class[metric.key] = {int(k): _number(v) for k, v in found.items()}
            known = [v for v in per_class[metric.key].values() if v is not None]
            totals[metric.key] = sum(known) / len(known) if known else None
        else:
            totals[metric.key] = _number(found)
    return totals, per_class


def _number(value: Any) -> float | None:
    return None if value is None else finite(float(value))


def _intervals(
    matches: Matches, options: Options, keep_draws: Callable[[Draws], None] | None
) -> dict[str, Any]:
    from rankdet.evaluation.estimates import LEVEL
    from rankdet.evaluation.interval_cache import REPLICATES, SEED
    from rankdet.evaluation.intervals import APPROXIMATE, FORM, draw

    # Intervals of oLRP always try all scores. The grid is only for comparison with old numbers.
    draws = draw(matches, np.random.default_rng(options.seed), options.bootstrap)
    found = draws.intervals()
    if keep_draws and (options.bootstrap, options.seed) == (REPLICATES, SEED):
        keep_draws(draws)
    return {
        "level": LEVEL,
        "form": FORM,
        "replicates": options.bootstrap,
        "seed": options.seed,
        "approximate": sorted(APPROXIMATE & found.keys()),
        "metrics": {name: list(ends) if ends else None for name, ends in found.items()},
    }
