"""What the detections of a run are: kinds of errors over their rank, and confused classes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rankdet.charts.chart import Chart, Series
from rankdet.errors import InputError
from rankdet.evaluation.metrics.error_kinds import (
    EVERY_KIND,
    HIT,
    IGNORED,
    KINDS,
    Confusion,
    best_iou_with_others,
    confusion,
    error_kinds,
)
from rankdet.evaluation.metrics.matches import Matches
from rankdet.evaluation.metrics.operating_point import kept_rows
from rankdet.evaluation.shown import Shown, limits_of_classes
from rankdet.report.run_metrics import ERRORS
from rankdet.report.sample_files import boxes_of
from rankdet.results.layout import DETECTIONS
from rankdet.results.recorded_run import Evaluation
from rankdet.results.records import RecordedStudy

MAX_CLASSES = 15  # of a matrix on a page; with more, only the classes that are confused most
MAX_PAIRS = 12
POINTS = 60  # of a curve


@dataclass(frozen=True)
class Cell:
    """A number of detections or objects; `share` of its row, in [0, 1], is its colour."""

    count: int
    share: float
    right: bool = False


@dataclass(frozen=True)
class Pair:
    """Objects of one class that are detected as another; `share` of all objects of `actual`."""

    actual: str
    found: str
    count: int
    share: float


@dataclass(frozen=True)
class ErrorView:
    """The errors of a run on a page.

    Attributes:
        chart: Shares of the kinds over the rank, the hits first; None without detections.
        names: The classes of the matrix, with `missed` or `no object` last; empty if there are too
            many classes.
        rows: (K + 1) rows of (K + 1) cells; the first K are the objects' classes, the last one
            the detections that find no object. Its own last cell has no meaning and is 0.
        pairs: The classes that are confused most, if there are too many classes for a matrix.
        kept: Whether a class has a threshold.
        problem: Why there is nothing to show, in one line.
    """

    chart: Chart | None = None
    names: tuple[str, ...] = ()
    rows: tuple[tuple[Cell, ...], ...] = ()
    pairs: tuple[Pair, ...] = ()
    kept: bool = False
    problem: str | None = None


def error_view(
    study: RecordedStudy,
    dataset: str,
    evaluation: Evaluation,
    matches: Matches,
    kept: Shown | None = None,
) -> ErrorView:
    """Returns what a page shows of the errors of a run on one split.

    Args:
        study: The study.
        dataset: Name of the run's dataset.
        evaluation: The run on one split.
        matches: Its matches.
        kept: What the evaluation has kept of them; without it the detections are read.
    """
    if matches.iou_type != "bbox":
        return ErrorView(problem="the matches are those of masks, and this needs boxes")
    manifest = study.manifests.get(dataset)
    split = manifest.splits.get(evaluation.split) if manifest else None
    if split is None:
        return ErrorView(problem=f"dataset.json describes no split {evaluation.split!r}")
    limits = limits_of_classes(evaluation.per_class)
    if kept is not None:
        found, kinds = kept.confusion, kept.kinds
    else:
        try:
            annotations = study.resolve(split.annotations)
            boxes = boxes_of(matches, annotations, evaluation.folder / DETECTIONS)
        except InputError as error:
            return ErrorView(problem=str(error))
        found = confusion(matches, boxes, kept_rows(matches, limits))
        kinds = error_kinds(matches, best_iou_with_others(matches, boxes))
    names = [matches.names.get(int(k), str(k)) for k in found.category_ids]
    few = len(names) <= MAX_CLASSES
    return ErrorView(
        chart=rank_chart(matches, kinds),
        names=tuple(names) if few else (),
        rows=_rows(found) if few else (),
        pairs=() if few else _pairs(found, names),
        kept=bool(limits),
    )


def rank_chart(matches: Matches, kinds: NDArray[np.uint8]) -> Chart | None:
    """The share of each kind among the k detections with the highest scores, over k.

    Hoiem, Chodpathumwan and Dai, "Diagnosing Error in Object Detectors", ECCV 2012, draw the kinds
    of false positives over their rank.

    Args:
        matches: The matches.
        kinds: (D,) position in `EVERY_KIND` of the kind of each detection; the ignored ones are
            left out.
    """
    order = np.argsort(-matches.detections["score"].to_numpy(), kind="stable")
    ordered = kinds[order]
    ordered = ordered[ordered != EVERY_KIND.index(IGNORED)]
    count = len(ordered)
    if count < 2:
        return None
    at = np.unique(np.geomspace(1, count, POINTS).round().astype(int))
    # The hits are always there and first: their curve has the colour of the loss.
    share = {kind: ordered == place for place, kind in enumerate(KINDS)}
    found = [kind for kind in KINDS if kind == HIT or share[kind].any()]
    series = []
    for kind in found:
        hits = np.cumsum(share[kind])
        name = kind if kind == HIT else ERRORS[kind][0]
        series.append(Series(name, at.astype(float), 100 * hits[at - 1] / at))
    objects = int(np.count_nonzero(~matches.ground_truth["ignored_all"].to_numpy(dtype=bool)))
    place = min(max(objects, 1), count)
    told = ", ".join(
        f"{one.name} {100 * np.mean(share[kind][:place]):.0f}%"
        for one, kind in zip(series, found, strict=True)
    )
    return Chart(
        name="ranks",
        alt=f"Kinds of the detections with the highest scores. Of the first {place}: {told}.",
        x_label="detections with the highest scores (logarithmic)",
        y_label="share of these detections (%)",
        series=tuple(series),
        x_limits=(1.0, float(count)),
        y_limits=(0.0, 100.0),
        x_log=True,
    )


def _rows(found: Confusion) -> tuple[tuple[Cell, ...], ...]:
    last = len(found.category_ids)
    return tuple(
        tuple(
            Cell(int(n), float(n / max(1, row.sum())), right=i == j and i < last)
            for j, n in enumerate(row)
        )
        for i, row in enumerate(found.counts)
    )


def _pairs(found: Confusion, names: Sequence[str]) -> tuple[Pair, ...]:
    classes = found.counts[:-1, :-1].copy()
    np.fill_diagonal(classes, 0)
    order = np.argsort(-classes, axis=None, kind="stable")[:MAX_PAIRS]
    pairs = []
    for i, j in zip(*np.unravel_index(order, classes.shape), strict=True):
        if classes[i, j]:
            share = float(classes[i, j] / found.counts[i].sum())
            pairs.append(Pair(names[i], names[j], int(classes[i, j]), share))
    return tuple(pairs)
