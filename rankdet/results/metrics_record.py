"""The record of an evaluated run: its metrics, training and data."""

from pathlib import Path
from typing import Any

from rankdet.errors import InputError
from rankdet.evaluation.coco.loading import load_ground_truth
from rankdet.evaluation.coco.masks import carry_masks
from rankdet.evaluation.coco.types import Detections
from rankdet.evaluation.evaluate import evaluate_files
from rankdet.evaluation.metrics.matches import write_matches
from rankdet.evaluation.metrics.matching import match
from rankdet.results.schemas.dataset import DatasetManifest
from rankdet.results.schemas.metrics import MetricsRecord
from rankdet.results.schemas.run import RunRecord
from rankdet.results.status import DIVERGED

MERGED = ("run", "status", "reason", "training", "provenance")  # from `run.json`
OF_MASKS = (
    *("metrics", "per_class", "operating_point", "bounds", "sparsity", "calibration"),
    *("intervals", "errors", "counts", "notes"),
)
DRAWS = 1000  # of the images, for the intervals


def write_metrics(
    gt: str | Path,
    detections: str | Path,
    run_json: str | Path,
    dataset_json: str | Path,
    out_metrics: str | Path,
    out_matches: str | Path,
    split: str | None = None,
    masks: bool = False,
    draws_store: Path | None = None,
    out_shown: str | Path | None = None,
) -> None:
    """Evaluates a run and writes `metrics.json` and `matches.parquet`.

    `metrics` and `per_class` are those of boxes; those of masks, if the detections have masks, are
    under `segm`. The metrics of a run that diverged are null, because it has no model.

    Args:
        gt: COCO-format annotations.
        detections: The run's detections, in COCO's results format.
        run_json: The record of its training; `run`, `status`, `reason`, `training` and
            `provenance` are copied, and `at_epoch` if it is there.
        dataset_json: The manifest of its dataset; name, kind and checksum are copied.
        out_metrics: Where to write the record (schema `rankdet.metrics/1`).
        out_matches: Where to write the matches.
        split: Name of the split, for the record.
        masks: Whether the detector predicts masks; then `segm` is written even without detections.
        draws_store: Where the draws of the intervals are kept for comparisons; None keeps none.
        out_shown: Where to write what pages show of single detections; None does not write it.

    Raises:
        InputError: If one of the files cannot be used.
    """
    run, dataset = RunRecord.from_disk(run_json), DatasetManifest.from_disk(dataset_json)
    result = evaluate_files(
        gt,
        detections,
        matches_path=out_matches,
        draws_store=draws_store,
        shown_path=out_shown,
        bootstrap=DRAWS,
        errors=True,
    )
    if masks or carry_masks(detections):
        result["segm"] = _mask_metrics(gt, detections)
    if run.status == DIVERGED:
        _blank(result, f"no metrics: the run diverged ({run.reason or 'no reason given'})")
    trained = _merged(run)
    data = {key: dataset.get(key) for key in ("name", "kind", "checksum")}
    record = {**result, **trained}
    MetricsRecord.of(**{**record, "dataset": {**data, "split": split}}).to_disk(out_metrics)


def write_split_metrics(
    split: str,
    *,
    detections: str | Path,
    run_json: str | Path,
    dataset_json: str | Path,
    out_metrics: str | Path,
    out_matches: str | Path,
    masks: bool = False,
    draws_store: Path | None = None,
    out_shown: str | Path | None = None,
) -> None:
    """Evaluates a run on one split of its dataset; see `write_metrics`.

    A split without annotations is not evaluated; the record has the reason under `skipped`.

    Raises:
        InputError: If the manifest has no such split, or a file cannot be used.
    """
    splits = DatasetManifest.from_disk(dataset_json).splits
    if split not in splits:
        raise InputError(f"{dataset_json}: no split {split!r}; known: {', '.join(splits)}")
    gt = splits[split].annotations
    if not splits[split].annotated:
        _write_skipped(split, gt, run_json, dataset_json, out_metrics, out_matches)
        return
    read, written = (gt, detections, run_json, dataset_json), (out_metrics, out_matches)
    write_metrics(*read, *written, split, masks, draws_store, out_shown)


def _write_skipped(
    split: str,
    gt: str,
    run_json: str | Path,
    dataset_json: str | Path,
    out_metrics: str | Path,
    out_matches: str | Path,
) -> None:
    """Writes a record that says why there are no metrics, and matches without rows."""
    run, dataset = RunRecord.from_disk(run_json), DatasetManifest.from_disk(dataset_json)
    write_matches(match(load_ground_truth(gt), Detections.none()), out_matches)
    data = {key: dataset.get(key) for key in ("name", "kind", "checksum")}
    MetricsRecord.of(
        metrics={},
        skipped=f"split {split!r} has no annotations; `rankdet submission` writes its detections "
        "for an evaluation server",
        **_merged(run),
        dataset={**data, "split": split},
    ).to_disk(out_metrics)


def _merged(run: RunRecord) -> dict[str, Any]:
    """Returns what a record of metrics has from a run's record; `at_epoch` only if it has one."""
    found = run.to_dict()
    at_epoch = {"at_epoch": found["at_epoch"]} if found.get("at_epoch") else {}
    return {**{key: found.get(key) for key in MERGED}, **at_epoch}


def _mask_metrics(gt: str | Path, detections: str | Path) -> dict[str, Any]:
    """Returns the metrics of masks with the keys of boxes, without settings and names."""
    result = evaluate_files(gt, detections, iou_type="segm", bootstrap=DRAWS, errors=True)
    return {key: result[key] for key in OF_MASKS}


def _blank(result: dict[str, Any], note: str) -> None:
    """Sets every metric of boxes and masks to null and keeps the keys."""
    result["metrics"] = dict.fromkeys(result["metrics"])
    for group in ("per_class", "bounds"):
        result[group] = {k: dict.fromkeys(v) for k, v in result[group].items()}
    kept = ("low", "high", "images", "objects")
    result["sparsity"] = [
        {k: v if k in kept else None for k, v in part.items()} for part in result["sparsity"]
    ]
    result["operating_point"] = {
        "metrics": dict.fromkeys(result["operating_point"]["metrics"]),
        "detections_per_image": None,
    }
    result["calibration"] = dict.fromkeys(result["calibration"])
    result["intervals"] = None
    result["errors"] = {}
    result["notes"] = [*result["notes"], note]
    if "segm" in result:
        _blank(result["segm"], note)
