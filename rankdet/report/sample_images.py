"""Sample images of a split with a run's detections and the ground truth, ready to be drawn.

Every run of a dataset shows the same images.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from rankdet.datasets.decoding import decode, quiet
from rankdet.errors import InputError, in_words
from rankdet.evaluation.metrics.matches import Matches, read_matches
from rankdet.evaluation.shown import Shown, limits_of_classes, read_shown
from rankdet.report.label_placement import Tag, place_labels
from rankdet.report.page_keys import Stamp, stamp
from rankdet.report.sample_detections import OfImage, chosen_detections
from rankdet.report.sample_files import Box, Split, detected_boxes, kept_boxes, load_split
from rankdet.results.layout import DETECTIONS, MATCHES, SHOWN, slug
from rankdet.results.recorded_run import Evaluation
from rankdet.results.records import RecordedStudy

MAX_SIDE = 480  # pixels
LABELLED = 4  # if there are more boxes, each has a number instead of a full label

HIT, DUPLICATE, WRONG, IGNORED = "hit", "duplicate", "false alarm", "ignored"
MISSED = "missed"  # of an object
MARKS = {HIT: "✓", DUPLICATE: "◇", WRONG: "✕", IGNORED: "○", MISSED: "△"}


@dataclass(frozen=True)
class Truth:
    """A ground truth box (x, y, width, height in image pixels) and whether it was found."""

    box: Box
    category: str
    crowd: bool
    found: bool

    @property
    def missed(self) -> bool:
        """Whether it counts as missed: crowds do not."""
        return not self.found and not self.crowd


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
        """The labels of the boxes, lowest scores first: full labels for few boxes, else numbers.

        Each begins with the mark of its verdict, so that verdicts can be told without colour.
        Missed objects have only the mark.
        """
        full = len(self.detections) <= LABELLED
        labels = [
            (f"{MARKS[d.verdict]}{' ' + d.label if full else d.number}", d.box, d.verdict, d.number)
            for d in self.detections
        ]
        labels += [
            (MARKS[MISSED], t.box, MISSED, -k) for k, t in enumerate(self.truths, 1) if t.missed
        ]
        return place_labels(labels, self.width, self.height, self.font_size)[::-1]

    @property
    def font_size(self) -> float:
        """Size of the tags in image pixels: 11 px or more if the image is shown 275 px wide."""
        return round(self.width / 25, 1)


def sample_split(
    study: RecordedStudy, dataset: str, name: str, image_ids: Sequence[int] | None = None
) -> Split:
    """Returns images of a split with their annotations; by default its sample images.

    Raises:
        InputError: the split is unknown, or its annotations cannot be read.
    """
    manifest = study.manifests.get(dataset)
    described = manifest.splits.get(name) if manifest else None
    if described is None:
        raise InputError(f"dataset.json describes no split {name!r}")
    wanted = None if image_ids is None else tuple(image_ids)
    return load_split(study.resolve(described.annotations), study.resolve(described.images), wanted)


def image_stamps(
    study: RecordedStudy, dataset: str, name: str, image_ids: Sequence[int] | None = None
) -> list[Stamp]:
    """Returns what changes when one of these images does; by default the sample images.

    Raises:
        InputError: the split is unknown, or its annotations cannot be read.
    """
    split = sample_split(study, dataset, name, image_ids)
    return [stamp(split.folder / image["file_name"]) for image in split.images]


def write_sample_images(
    study: RecordedStudy,
    dataset: str,
    name: str,
    report: Path,
    image_ids: Sequence[int] | None = None,
) -> None:
    """Writes images of a split, by default its samples, into `<report>/images/` if missing.

    Raises:
        InputError: a file is missing or malformed; the message names it.
    """
    split = sample_split(study, dataset, name, image_ids)
    target = _target(report, dataset, name)
    for image in split.images:
        path = target / f"{image['id']}.webp"
        if not path.exists():
            _write_image(split.folder / image["file_name"], path)


def _target(report: Path, dataset: str, split: str) -> Path:
    return report / "images" / slug(dataset) / slug(split)


def samples(
    study: RecordedStudy,
    dataset: str,
    evaluation: Evaluation,
    report: Path,
    image_ids: Sequence[int] | None = None,
    matches: Matches | None = None,
    kept: Shown | None = None,
) -> list[Sample]:
    """Returns what to draw, and writes missing images into `<report>/images/`.

    Args:
        study: the study.
        dataset: name of the dataset.
        evaluation: the evaluation of a run.
        report: the report's folder.
        image_ids: which images, in this order; by default those of `sample_files.choose`.
        matches: the matches of the evaluation, if they have been read.
        kept: what the evaluation has kept of them for pages, if it has been read.

    Raises:
        InputError: a file is missing or malformed; the message names it.
    """
    split = sample_split(study, dataset, evaluation.split, image_ids)
    matches = matches or read_matches(evaluation.folder / MATCHES)
    limits = limits_of_classes(evaluation.per_class)
    chosen = chosen_detections(matches.detections, split, limits)
    drawn = [row["detection"] for one in chosen.images for row in one.rows]
    kept = kept or read_shown(evaluation.folder / SHOWN, matches, limits)
    boxes = kept_boxes(kept, drawn) if kept else None
    if boxes is None:
        boxes = detected_boxes(evaluation.folder / DETECTIONS, chosen.positions, drawn)
    target = _target(report, dataset, evaluation.split)
    return [
        _sample(image, split, one, boxes, target, report)
        for image, one in zip(split.images, chosen.images, strict=True)
    ]


def _sample(
    image: Mapping[str, Any],
    split: Split,
    chosen: OfImage,
    boxes: Mapping[int, Box],
    target: Path,
    report: Path,
) -> Sample:
    detections = tuple(
        _detection(number, row, boxes, split) for number, row in enumerate(chosen.rows, start=1)
    )
    hits = {int(row["annotation"]) for row in chosen.rows}
    path = target / f"{image['id']}.webp"
    width, height = _write_image(split.folder / image["file_name"], path)
    return Sample(
        image_id=image["id"],
        name=str(image["file_name"]),
        href=path.relative_to(report).as_posix(),
        width=width,
        height=height,
        truths=tuple(_truth(a, split, hits) for a in split.annotations[image["id"]]),
        detections=detections,
        hidden=chosen.hidden,
    )


def _detection(
    number: int, row: Mapping[str, Any], boxes: Mapping[int, Box], split: Split
) -> Detection:
    matched = int(row["annotation"]) >= 0
    if matched:
        verdict = IGNORED if int(row["ignored_all"]) & 1 else HIT
    else:
        verdict = DUPLICATE if row["best_iou"] >= 0.5 else WRONG
    return Detection(
        number=number,
        box=boxes[int(row["detection"])],
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
        raise InputError(f"image {source.name} cannot be read: {in_words(error)}") from error
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
