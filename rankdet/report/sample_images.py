"""Sample images of a split with a run's detections and the ground truth, ready to be drawn.

The images are chosen by the annotations alone, evenly over the number of objects. Every run of a
dataset shows the same images.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
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
from rankdet.results.layout import DETECTIONS, MATCHES, slug
from rankdet.results.records import Evaluation, RecordedStudy

IMAGES = 6
MAX_SIDE = 480  # pixels
MIN_BOXES = 10  # detections drawn at most; twice the number of objects, if that is more
LABELLED = 4  # if there are more boxes, each has a number instead of a full label
WITHOUT_THRESHOLD = 10

HIT, DUPLICATE, WRONG, IGNORED = "hit", "duplicate", "false alarm", "ignored"


@dataclass(frozen=True)
class Truth:
    """A ground truth box (x, y, width, height in image pixels) and whether it was found."""

    box: tuple[float, float, float, float]
    category: str
    crowd: bool
    found: bool


@dataclass(frozen=True)
class Detection:
    """A drawn detection; `iou` is with the matched ground truth, None without a match."""

    number: int
    box: tuple[float, float, float, float]
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


@dataclass(frozen=True)
class Split:
    """The annotations of the chosen images of one split."""

    images: tuple[Mapping[str, Any], ...]
    annotations: Mapping[int, Sequence[Mapping[str, Any]]]
    names: Mapping[int, str]
    folder: Path


def samples(
    study: RecordedStudy, dataset: str, evaluation: Evaluation, report: Path
) -> list[Sample]:
    """Returns what to draw, and writes missing images into `<report>/images/`.

    Raises:
        InputError: a file is missing or malformed; the message names it.
    """
    manifest = study.manifests.get(dataset)
    described = manifest.splits.get(evaluation.split) if manifest else None
    if described is None:
        raise InputError(f"dataset.json describes no split {evaluation.split!r}")
    annotations = study.resolve(described.annotations)
    split = load_split(annotations, study.resolve(described.images))
    matches = read_matches(evaluation.folder / MATCHES)
    boxes = _boxes(evaluation.folder / DETECTIONS, matches, split)
    target = report / "images" / slug(dataset) / slug(evaluation.split)
    return [
        _sample(image, split, matches, boxes, evaluation, target, report) for image in split.images
    ]


@lru_cache(maxsize=8)
def load_split(annotations: Path, folder: Path) -> Split:
    """Reads a split's annotations and chooses its sample images.

    Raises:
        InputError: the annotations cannot be read.
    """
    try:
        data = json.loads(annotations.read_text(encoding="utf-8"))
        by_image = defaultdict(list)
        for annotation in data["annotations"]:
            by_image[annotation["image_id"]].append(annotation)
        names = {category["id"]: str(category["name"]) for category in data["categories"]}
        images = choose(data["images"], by_image)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{annotations.name}: annotations cannot be read: {error!r}") from error
    return Split(tuple(images), {i["id"]: by_image[i["id"]] for i in images}, names, folder)


def choose(
    images: Sequence[Mapping[str, Any]], by_image: Mapping[int, Sequence[Any]], count: int = IMAGES
) -> list[Mapping[str, Any]]:
    """Returns images spread evenly over the numbers of objects, from few objects to many.

    The images with objects are sorted by (number of objects, id) and divided into `count` equal
    parts. The middle image of each part is chosen; all images, if there are at most `count`.
    """
    ordered = sorted(images, key=lambda i: (len(by_image.get(i["id"], ())), i["id"]))
    ordered = [i for i in ordered if by_image.get(i["id"])] or ordered
    if len(ordered) <= count:
        return ordered
    return [ordered[int((k + 0.5) * len(ordered) / count)] for k in range(count)]


def _boxes(path: Path, matches: Matches, split: Split) -> dict[int, list[float]]:
    """Box of each matched detection of the chosen images, by its position in the file."""
    chosen = {image["id"] for image in split.images}
    rows = matches.detections
    positions = rows.loc[rows["image_id"].isin(chosen), "detection"]
    try:
        everything = json.loads(path.read_text(encoding="utf-8"))
        return {int(position): everything[position]["bbox"] for position in positions}
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise InputError(f"{path.name}: detections cannot be read: {error!r}") from error


def _sample(
    image: Mapping[str, Any],
    split: Split,
    matches: Matches,
    boxes: Mapping[int, list[float]],
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


def _detection(number: int, row: Mapping[Any, Any], box: list[float], split: Split) -> Detection:
    matched = int(row["annotation"]) >= 0
    if matched:
        verdict = IGNORED if int(row["ignored_all"]) & 1 else HIT
    else:
        verdict = DUPLICATE if row["best_iou"] >= 0.5 else WRONG
    return Detection(
        number=number,
        box=_four(box),
        category=split.names.get(int(row["category_id"]), str(row["category_id"])),
        score=float(row["score"]),
        iou=float(row["iou"]) if matched else None,
        best_iou=float(row["best_iou"]),
        verdict=verdict,
    )


def _truth(annotation: Mapping[str, Any], split: Split, hits: set[int]) -> Truth:
    return Truth(
        box=_four(annotation["bbox"]),
        category=split.names.get(annotation["category_id"], str(annotation["category_id"])),
        crowd=bool(annotation.get("iscrowd")),
        found=annotation["id"] in hits,
    )


def _four(box: Sequence[float]) -> tuple[float, float, float, float]:
    x, y, width, height = (round(float(value), 1) for value in box)
    return x, y, width, height


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
