"""A small study on disk as a finished, half-failed workflow would leave it; numbers are made up.

Detections are the ground truth with noise, and go through the real evaluation, so that every file
has its real form.
"""

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from rankdet.results import layout
from rankdet.results.layout import threshold_folder
from rankdet.results.metrics_record import OF_MASKS, write_split_metrics
from rankdet.results.recorded_run import RecordedRun
from rankdet.results.records import RecordedStudy
from rankdet.results.schemas.sweep import SpeedRecord
from rankdet.results.sweep import write_sweep
from tests.report.fake_dataset import CHECKSUM, CLASSES, HOSTILE, make_split, write_json
from tests.report.fake_records import one_detection, run_record, training_rows

HOSTILE_LOSS = "<img src=x onerror=alert(1)>"
DETECTORS = {"retinanet": "RetinaNet", "atss": "ATSS"}
RUNS = (
    # detector, loss, variant, seed, what became of it
    ("retinanet", "untrained", "", 1, "untrained"),
    ("retinanet", "focal", "", 1, "trained"),
    ("retinanet", "ap", "", 1, "trained"),
    ("retinanet", "alrp", "iou+no-sb", 1, "collapsed"),
    ("retinanet", "alrp", "iou", 1, "diverged"),
    ("retinanet", "alrp", "", 1, "trained"),
    ("retinanet", "alrp", "", 2, "trained"),
    ("retinanet", HOSTILE_LOSS, "", 1, "trained"),
    ("atss", "focal", "", 1, "failed"),
    ("atss", "alrp", "", 1, "not run"),
    ("atss", "ap", "", 1, "not evaluated"),
)
TITLES = {"focal": "Focal Loss", "ap": "AP Loss", "alrp": "aLRP Loss", "untrained": "untrained"}
TABLES = ("alrp/table2", "alrp/table3", "rs/tableS1", "rs/figureS2")
FIGURES = ("alrp/figure4", "alrp/figure3", "alrp/figureA5", "alrp/figureA6", "ape/figure3")
SWEPT, THRESHOLDS = "shapes/retinanet/ap/seed1", (0.0, 0.3, 0.99)
SEVERAL_SEEDS = (  # five seeds of two losses; one seed of each third loss
    ("retinanet", "untrained", "", 1, "untrained"),
    *(("retinanet", loss, "", seed, "trained") for loss in ("ap", "alrp") for seed in range(1, 6)),
    *(("retinanet", "focal", "", seed, "trained") for seed in range(1, 4)),
    ("retinanet", "focal", "", 4, "barely learned"),
    ("retinanet", "alrp", "iou", 1, "trained"),
    *(("retinanet", "rs", "", seed, "barely learned") for seed in range(1, 4)),
)
NOISE = {"untrained": 30.0, "focal": 5.0, "ap": 3.0, "alrp": 2.0}


def make_study(
    root: Path,
    name: str = "fake",
    split_names: tuple[str, ...] = ("val",),
    runs: Sequence[tuple[str, str, str, int, str]] = RUNS,
) -> Path:
    """Writes `results/<name>/` below a folder and returns the path of its plan."""
    folder = root / "results" / name
    splits = {
        split: make_split(folder / "shapes" / "data", split, k)
        for k, split in enumerate(("train", "val"), start=1)
    }
    write_json(
        folder / "shapes" / "dataset.json",
        {
            "schema": "rankdet.dataset/1",
            "name": "shapes",
            "kind": "shapes",
            "title": "Shapes & <b>friends</b>",
            "classes": [{"id": i, "name": c} for i, c in enumerate(CLASSES, start=1)],
            "splits": splits,
            "checksum": CHECKSUM,
            "warnings": ["2 boxes reached outside their image and were clipped, e.g. annotation 7"],
        },
    )
    entries = [_make_run(folder, *run, split_names) for run in runs]
    plan = folder / "plan.json"
    write_json(
        plan,
        {
            "schema": "rankdet.plan/1",
            "study": {
                "name": name,
                "title": "Fake study",
                "scale": "Smoke scale: made-up detections, 128 px. Not comparable with COCO.",
                "preset": "small",
            },
            "datasets": [{"name": "shapes", "title": "Shapes & <b>friends</b>"}],
            "runs": entries,
            "tables": [_paper(name) for name in TABLES],
            "figures": [_paper(name) for name in FIGURES],
        },
    )
    return plan


def with_plan(study: RecordedStudy, **changes: object) -> RecordedStudy:
    """Returns the study with other values in its plan."""
    return replace(study, plan=study.plan.model_copy(update=changes))


def as_planned(run: RecordedRun, **changes: object) -> RecordedRun:
    """Returns the run with other values in its entry of the plan."""
    return replace(run, planned=run.planned.model_copy(update=changes))


def keep_epoch(run: RecordedRun, name: str, place: dict[str, int], ap: float) -> None:
    """Writes an epoch on the way of a run: its files, with another place and AP."""
    folder = run.folder / layout.epoch_folder(name)
    folder.mkdir()
    for file in (layout.RUN, layout.METRICS):
        content = json.loads((run.folder / file).read_text())
        content["training"] |= {"iterations": place["iteration"], "epochs": place["own_epoch"]}
        if file == layout.METRICS:
            content["metrics"]["AP"] = ap
        write_json(folder / file, {**content, "at_epoch": place})
    for file in (layout.SPEED, layout.MATCHES, layout.DETECTIONS):
        shutil.copy(run.folder / file, folder / file)
    (folder / layout.MODEL).touch()


def _paper(name: str) -> dict[str, str]:
    return {"id": name, "spec": f"analysis/papers/{name}.yaml"}


def _make_run(
    root: Path,
    detector: str,
    loss: str,
    variant: str,
    seed: int,
    state: str,
    split_names: tuple[str, ...],
) -> dict[str, object]:
    full = f"{loss}+{variant}" if variant else loss
    key = f"shapes/{detector}/{full}/seed{seed}"
    folder = root / key
    title = TITLES.get(loss, loss) + (f" ({variant.replace('+', ', ')})" if variant else "")
    entry = {
        "key": key,
        "dir": str(folder),
        "dataset": "shapes",
        "detector": detector,
        "loss": loss,
        "variant": variant,
        "seed": seed,
        "splits": list(split_names),
        "titles": {
            "dataset": "Shapes & <b>friends</b>",
            "detector": DETECTORS.get(detector, detector),
            "loss": title,
        },
        "untrained": state == "untrained",
        "score_thresholds": list(THRESHOLDS) if key == SWEPT else [],
    }
    if state == "failed":
        write_json(
            folder / "work" / "failure.json",
            {
                "schema": "rankdet.failure/1",
                "status": "failed",
                "job": f"train {key}",
                "reason": "out of memory at iteration 12: use a smaller batch_size",
                "when": "2026-01-01T00:00:00Z",
            },
        )
        return entry
    if state == "not run":
        return entry
    record = run_record(entry, state)
    write_json(folder / "run.json", record)
    if state != "untrained":
        training_rows(loss, seed, state).to_parquet(folder / "train.parquet", index=False)
    if state == "not evaluated":
        return entry
    for split in split_names:
        place = folder if split == split_names[0] else folder / f"on-{split}"
        noise = NOISE["untrained"] if state == "barely learned" else NOISE.get(loss, 6.0)
        _evaluate(
            root, place, split, record, np.random.default_rng([seed, len(loss), len(split)]), noise
        )
    if key == SWEPT:
        _sweep(root, folder, split_names[0])
        _pretend_masks(folder / "metrics.json")
    return entry


def _sweep(root: Path, folder: Path, split: str) -> None:
    """The run's detections at each threshold, evaluated and timed, and gathered."""
    found = json.loads((folder / "detections.json").read_text(encoding="utf-8"))
    metrics, speeds = [], []
    for position, threshold in enumerate(THRESHOLDS):
        place = folder / threshold_folder(threshold)
        place.mkdir()
        write_json(place / "detections.json", [d for d in found if d["score"] >= threshold])
        write_split_metrics(
            split,
            detections=place / "detections.json",
            run_json=folder / "run.json",
            dataset_json=root / "shapes" / "dataset.json",
            out_metrics=place / "metrics.json",
            out_matches=place / "matches.parquet",
        )
        speed = {
            "schema": "rankdet.speed/1",
            "device": "cpu",
            "hardware": {"cpu": HOSTILE, "gpu": None},
            "images_per_second": 10.0 + position,
            "seconds_per_image": 1 / (10.0 + position),
        }
        write_json(place / "speed.json", speed)
        metrics.append(place / "metrics.json")
        speeds.append(place / "speed.json")
    write_sweep(THRESHOLDS, metrics, speeds, folder / "sweep.json")


def _pretend_masks(path: Path) -> None:
    """Gives a record the metrics of its boxes as those of masks."""
    record = json.loads(path.read_text(encoding="utf-8"))
    write_json(path, {**record, "segm": {key: record[key] for key in OF_MASKS}})


def _evaluate(
    root: Path, place: Path, split: str, record: dict, rng: np.random.Generator, noise: float
) -> None:
    truth_path = root / "shapes" / "data" / f"{split}.json"
    truth = json.loads(truth_path.read_text(encoding="utf-8"))
    detections = []
    for annotation in truth["annotations"]:
        offset = rng.normal(0, noise, 4)
        box = np.maximum(np.array(annotation["bbox"]) + offset, 1.0)
        score = 1 / (1 + np.abs(offset).mean() / 2) * rng.uniform(0.7, 1)
        detections.append(
            one_detection(annotation["image_id"], annotation["category_id"], box, score)
        )
        if rng.random() < 0.4:
            detections.append(
                one_detection(
                    annotation["image_id"],
                    int(rng.integers(1, 4)),
                    np.concatenate([rng.uniform(0, 90, 2), rng.uniform(8, 36, 2)]),
                    rng.uniform(0, 0.5),
                )
            )
    if record["status"] == "diverged":
        detections = []
    place.mkdir(parents=True, exist_ok=True)
    write_json(place / "detections.json", detections)
    pace = 20.0 + len(record["run"]["loss"]) + record["run"]["seed"]
    speed = {"images_per_second": pace, "seconds_per_image": 1 / pace}
    SpeedRecord.of(**speed).to_disk(place / "speed.json")
    run_folder = place if place.name.startswith("seed") else place.parent
    write_split_metrics(
        split,
        detections=place / "detections.json",
        run_json=run_folder / "run.json",
        dataset_json=root / "shapes" / "dataset.json",
        out_metrics=place / "metrics.json",
        out_matches=place / "matches.parquet",
        out_shown=place / layout.SHOWN,
    )
