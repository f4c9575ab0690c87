"""Sample images of a split with a run's detections and the ground truth, ready to be drawn.

Every run of a dataset shows the same images.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from rankdet.datasets.decoding import decode, quiet
from rankdet.errors import InputError
from rankdet.evaluation.metrics.matches import Matches, read_matches
from rankdet.report.label_placement import Tag, place_labels
from rankdet.report.sample_files import Box, Split, detected_boxes, load_split
from rankdet.results.layout import DETECTIONS, MATCHES, slug
from rankdet.results.records import Evaluation, RecordedStudy

MAX_SIDE = 480  # pixels
MIN_BOXES = 10  # detections drawn at most; twice the number of objects, if that is more
LABELLED = 4  # if there are more boxes, each has a number instead of a full label
WITHOUT_THRESHOLD = 10

HIT, DUPLICATE, WRONG, IGNORED = "hit", "duplicate", "false alarm", "ignored"


@dataclass(frozen=True)
class Truth:
    """A ground truth box (x, y, width, height in image pixels) and whether it was found."""

    box: Box
    category: str
    crowd: bool
    found: bool


@dataclass(frozen=True)
class Detection:
    """A drawn detection; `iou` is with the matched ground truth, None without a match."""

    number: int
    box: Box
    category: str
    score: float
    iou: float | None
    best_iou: float
    verdict: str

    @property
    def label(self) -> str:
        """Class, score and IoU in few characters."""
        name = self.category if len(self.category) <= 12 else f"{self.category[:11]}…"
        return f"{name} {_short(self.score)} · {_short(self.iou)}"


@dataclass(frozen=True)
class Sample:
    """One image with what is drawn on it; `href` is relative to the report's folder."""

    image_id: int
    name: str
    href: str
    width: int
    height: int
    truths: tuple[Truth, ...]
    detections: tuple[Detection, ...]
    hidden: int

    @property
    def tags(self) -> list[Tag]:
        """The labels of the boxes, lowest scores first: full labels for few boxes, else numbers."""
        full = len(self.detections) <= LABELLED
        labels = [(d.label if full else str(d.number), d.box, d.verdict) for d in self.detections]
        return place_labels(labels, self.width, self.height, self.font_size)[::-1]

    @property
    def font_size(self) -> float:
        """Size of the tags in image pixels: readable if the image is shown 350 px wide."""
        return round(self.width / 28, 1)


def sample_split(study: RecordedStudy, dataset: str, name: str) -> Split:
    """Returns the sample images of a split with their annotations.

    Raises:
        InputError: the split is unknown, or its annotations cannot be read.
    """
    manifest = study.manifests.get(dataset)
    described = manifest.splits.get(name) if manifest else None
    if described is None:
        raise InputError(f"dataset.json describes no split {name!r}")
    return load_split(study.resolve(described.annotations), study.resolve(described.images))


def write_sample_images(study: RecordedStudy, dataset: str, name: str, report: Path) -> None:
    """Writes the sample images of a split into `<report>/images/` if they are missing.

    Raises:
        InputError: a file is missing or malformed; the message names it.
    """
    split = sample_split(study, dataset, name)
    target = _target(report, dataset, name)
    for image in split.images:
        path = target / f"{image['id']}.webp"
        if not path.exists():
            _write_image(split.folder / image["file_name"], path)


def _target(report: Path, dataset: str, split: str) -> Path:
    return report / "images" / slug(dataset) / slug(split)


def samples(
    study: RecordedStudy, dataset: str, evaluation: Evaluation, report: Path
) -> list[Sample]:
    """Returns what to draw, and writes missing images into `<report>/images/`.

    Raises:
        InputError: a file is missing or malformed; the message names it.
    """
    split = sample_split(study, dataset, evaluation.split)
    matches = read_matches(evaluation.folder / MATCHES)
    chosen = matches.detections["image_id"].isin([image["id"] for image in split.images])
    positions = matches.detections.loc[chosen, "detection"]
    boxes = detected_boxes(evaluation.folder / DETECTIONS, positions)
    target = _target(report, dataset, evaluation.split)
    return [
        _sample(image, split, matches, boxes, evaluation, target, report) for image in split.images
    ]


def _sample(
    image: Mapping[str, Any],
    split: Split,
    matches: Matches,
    boxes: Mapping[int, Box],
    evaluation: Evaluation,
    target: Path,
    report: Path,
) -> Sample:
    found = matches.detections
    rows = found[(found["image_id"] == image["id"]) & found["detection"].isin(list(boxes))]
    rows = rows.sort_values(["score", "detection"], ascending=[False, True])
    shown = _shown(rows, evaluation)
    truths = split.annotations[image["id"]]
    kept = shown.head(max(MIN_BOXES, 2 * len(truths)))
    detections = tuple(
        _detection(number, row, boxes[int(row["detection"])], split)
        for number, row in enumerate(kept.to_dict("records"), start=1)
    )
    hits = {int(i) for i in kept["annotation"]}
    path = target / f"{image['id']}.webp"
    width, height = _write_image(split.folder / image["file_name"], path)
    return Sample(
        image_id=image["id"],
        name=str(image["file_name"]),
        href=path.relative_to(report).as_posix(),
        width=width,
        height=height,
        truths=tuple(_truth(a, split, hits) for a in truths),
        detections=detections,
        hidden=len(shown) - len(kept),
    )


def _shown(rows: pd.DataFrame, evaluation: Evaluation) -> pd.DataFrame:
    """Detections that reach their class's LRP-optimal threshold; else the ten with best scores."""
    thresholds = {
        int(category): values.get("lrp_threshold")
        for category, values in evaluation.per_class.items()
    }
    limit = rows["category_id"].map(
        lambda c: np.inf if thresholds.get(c) is None else thresholds[c]
    )
    if any(value is not None for value in thresholds.values()):
        return rows[rows["score"] >= limit]
    return rows.head(WITHOUT_THRESHOLD)


def _detection(number: int, row: Mapping[Any, Any], box: Box, split: Split) -> Detection:
    matched = int(row["annotation"]) >= 0
    if matched:
        verdict = IGNORED if int(row["ignored_all"]) & 1 else HIT
    else:
        verdict = DUPLICATE if row["best_iou"] >= 0.5 else WRONG
    return Detection(
        number=number,
        box=box,
        category=split.names.get(int(row["category_id"]), str(row["category_id"])),
        score=float(row["score"]),
        iou=float(row["iou"]) if matched else None,
        best_iou=float(row["best_iou"]),
        verdict=verdict,
    )


def _truth(annotation: Mapping[str, Any], split: Split, hits: set[int]) -> Truth:
    return Truth(
        box=annotation["bbox"],
        category=split.names.get(annotation["category_id"], str(annotation["category_id"])),
        crowd=bool(annotation.get("iscrowd")),
        found=annotation["id"] in hits,
    )


def _write_image(source: Path, path: Path) -> tuple[int, int]:
    """Writes a small WebP copy once; returns the original's width and height as training sees it.

    The image is decoded as in training: turned by its EXIF orientation, in 8 bits. Boxes refer to
    these pixels.
    """
    try:
        if path.exists():
            return _size(source, source.stat().st_mtime_ns)
        pixels = _decoded(source)
    except (OSError, ValueError) as error:
        raise InputError(f"image {source.name} cannot be read: {error}") from error
    height, width = pixels.shape[:2]
    small = Image.fromarray(np.ascontiguousarray(pixels[..., ::-1]))
    small.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
    path.parent.mkdir(parents=True, exist_ok=True)
    small.save(path, "WEBP", quality=72, method=4, lossless=max(width, height) <= 256)
    return width, height


@lru_cache(maxsize=1024)  # every run of a dataset shows the same images
def _size(source: Path, changed: int) -> tuple[int, int]:
    height, width = _decoded(source).shape[:2]
    return width, height


def _decoded(source: Path) -> np.ndarray:
    with quiet():
        return decode(source.read_bytes())


def _short(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}".removeprefix("0")
