"""LRP-optimal score thresholds: read from a run's record, exported, and applied to detections.

oLRP chooses one score threshold for each class, with which a detector is deployed (Oksuz et al.,
"Localization Recall Precision (LRP): A New Performance Metric for Object Detection", ECCV 2018).
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rankdet.errors import InputError
from rankdet.evaluation.coco.loading import load_detections, load_ground_truth
from rankdet.evaluation.metrics.matching import match
from rankdet.evaluation.metrics.olrp import olrp
from rankdet.files import atomic
from rankdet.results.schemas.dataset import DatasetManifest
from rankdet.results.schemas.metrics import MetricsRecord
from rankdet.results.status import DIVERGED

SCHEMA = "rankdet.thresholds/1"


def thresholds_record(metrics: str | Path) -> dict[str, Any]:
    """Returns the thresholds of an evaluated run (schema `rankdet.thresholds/1`).

    Args:
        metrics: The run's `metrics.json`.

    Returns:
        `run`, `dataset` (with the split that the thresholds were chosen on), and `classes`: `id`,
        `name` and `threshold` of each, None if no detection of the class is correct.

    Raises:
        InputError: If the file is not such a record, or has no thresholds because the run diverged.
    """
    thresholds = read_thresholds(metrics)
    record = MetricsRecord.from_disk(metrics).to_dict()
    names = record.get("classes") or {}
    classes = [
        {"id": k, "name": names.get(str(k), str(k)), "threshold": t} for k, t in thresholds.items()
    ]
    kept = {key: record.get(key) for key in ("run", "dataset")}
    return {"schema": SCHEMA, "chosen_by": "oLRP of boxes", **kept, "classes": classes}


def read_thresholds(metrics: str | Path) -> dict[int, float | None]:
    """Returns category id to LRP-optimal threshold of a `metrics.json`; None if undefined.

    Raises:
        InputError: As `thresholds_record`.
    """
    record = MetricsRecord.from_disk(metrics)
    if record.status == DIVERGED:
        raise InputError(f"{metrics}: the run diverged, so it has no thresholds; train it again")
    per_class = record.per_class or {}
    if not any("lrp_threshold" in values for values in per_class.values()):
        raise InputError(f"{metrics}: no thresholds per class in it; evaluate the run again")
    return {int(k): values.get("lrp_threshold") for k, values in per_class.items()}


def keep_confident(
    detections: str | Path, manifest: str | Path, split: str, chosen: str | Path | None = None
) -> None:
    """Removes the detections below their class's threshold from a file of detections.

    Args:
        detections: COCO's results format; the file is replaced.
        manifest: `dataset.json` of the dataset.
        split: The split that the detections are of.
        chosen: The `metrics.json` whose thresholds are applied; None computes them from
            `detections` and the annotations of their split.

    Raises:
        InputError: If one of the files cannot be used.
    """
    if chosen is None:
        entry = DatasetManifest.from_disk(manifest).splits[split]
        if not entry.annotated:
            raise InputError(
                f"split {split!r} has no annotations to choose thresholds on; put a split that has "
                "them first in `splits`"
            )
        thresholds = best_thresholds(entry.annotations, detections)
    else:
        thresholds = read_thresholds(chosen)
    path = Path(detections)
    found = json.loads(path.read_text(encoding="utf-8"))
    with atomic(path) as temporary:
        kept = [one for one in found if _reaches(one, thresholds)]
        temporary.write_text(json.dumps(kept), encoding="utf-8")


def best_thresholds(truth: str | Path, detections: str | Path) -> dict[int, float | None]:
    """Returns category id to the score threshold at which LRP of boxes is lowest.

    Raises:
        InputError: If one of the files cannot be used.
    """
    ground_truth = load_ground_truth(truth)
    _, per_class = olrp(match(ground_truth, load_detections(detections, ground_truth)))
    return {k: values["lrp_threshold"] for k, values in per_class.items()}


def _reaches(detection: Mapping[str, Any], thresholds: Mapping[int, float | None]) -> bool:
    lowest = thresholds.get(detection["category_id"])
    return lowest is not None and detection["score"] >= lowest
