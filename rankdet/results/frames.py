"""The results of a study as tidy pandas frames: one row per observation.

The first columns of every frame say which run a row belongs to (`RUN_COLUMNS`). Values have the
units of the records: AP, oLRP, precision, recall, IoU and scores are in [0, 1], times are seconds,
memory is MB, areas are square pixels.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from rankdet.errors import InputError
from rankdet.evaluation.metrics.curves import precision_recall
from rankdet.evaluation.metrics.matches import Matches, read_matches
from rankdet.results.layout import MATCHES, TRAINING
from rankdet.results.recorded_run import Evaluation, RecordedRun
from rankdet.results.records import RecordedStudy
from rankdet.results.schemas.metrics import Measured
from rankdet.results.status import DIVERGED, STALE
from rankdet.results.training_record import training_record
from rankdet.results.unreadable import unreadable

RUN_COLUMNS = (
    *("run", "dataset", "detector", "backbone", "loss", "variant", "schedule", "seed", "status"),
)
BOXES, MASKS = "bbox", "segm"
METRIC_COLUMNS = (*RUN_COLUMNS, "split", "iou_type", "metric", "value", "low", "high")
CLASS_COLUMNS = (
    *(*RUN_COLUMNS, "split", "iou_type", "category_id", "category", "metric", "value"),
)
CURVE_COLUMNS = (
    *(*RUN_COLUMNS, "split", "category_id", "category", "iou_threshold", "recall", "precision"),
)
MATCH_COLUMNS = (
    *(*RUN_COLUMNS, "split", "image_id", "category_id", "category", "detection", "score", "rank"),
    *("area", "annotation", "iou", "best_iou", "true_50", "ignored_50"),
)
TRAINING_COLUMNS = (*RUN_COLUMNS, "iteration", "epoch")  # then those of `train.parquet`
OPERATING_POINT = 1  # bit 0 of the matches: IoU .50


class Results:
    """A study that was read from disk.

    Attributes:
        study: The plan, the datasets and all that `runs` does not have.
    """

    def __init__(self, study: RecordedStudy) -> None:
        self.study = study

    def __repr__(self) -> str:
        return f"Results({self.study.name!r}, {len(self.runs)} runs)"

    @property
    def runs(self) -> tuple[RecordedRun, ...]:
        """The planned runs in the plan's order, also those without results."""
        return self.study.runs

    def run(self, key: str) -> RecordedRun:
        """Returns the run of a key, such as `shapes/retinanet/ap/seed1`.

        Raises:
            InputError: If the plan does not have it.
        """
        for one in self.runs:
            if one.key == key:
                return one
        some = ", ".join(one.key for one in self.runs[:3])
        raise InputError(f"{self.study.name} has no run {key!r}; its runs begin with {some}")

    def metrics(self) -> pd.DataFrame:
        """Returns every metric of every evaluated run, one row per run, split and metric.

        Returns:
            `METRIC_COLUMNS`: `metric` is a key of docs/evaluation.md, `value` in the record's unit,
            NaN if undefined; `low` and `high` are the ends of its 95 % interval over images, NaN
            without one. `iou_type` is `bbox` or `segm`. Without rows for runs without results.
        """
        return _frame(METRIC_COLUMNS, self._each(_metric_rows))

    def per_class(self) -> pd.DataFrame:
        """Returns the metrics of each class, one row per run, split, class and metric.

        Returns:
            `CLASS_COLUMNS`: `category_id` is that of the annotations, `category` its name; `value`
            as in `metrics`.
        """
        return _frame(CLASS_COLUMNS, self._each(_class_rows))

    def training(self) -> pd.DataFrame:
        """Returns the training curves, one row per run and iteration.

        Returns:
            `TRAINING_COLUMNS`, then the other columns of `train.parquet` (docs/architecture.md):
            losses and `lr` as they were, `seconds` per iteration, `memory_mb`; NaN where a run does
            not record a column. The file's column `loss`, the sum of all parts, is `total_loss`:
            `loss` is the name of the loss. Without rows for runs that are not trained here.

        Raises:
            InputError: If a file is damaged; the message names it.
        """
        frames = []
        for run in self.runs:
            rows = None if run.status == STALE else training_record(run)
            if rows is None and run.status != STALE and (damaged := unreadable(run, TRAINING)):
                raise InputError(damaged)
            if rows is not None:
                frames.append(_with_run(run, rows.rename(columns={"loss": "total_loss"})))
        return _joined(TRAINING_COLUMNS, frames)

    def precision_recall(self, thresholds: Sequence[float] = (0.5, 0.75)) -> pd.DataFrame:
        """Returns interpolated precision of boxes over recall, for each class.

        Args:
            thresholds: IoU thresholds among .50, .55, ... .95.

        Returns:
            `CURVE_COLUMNS`: 101 recalls for each run, split, class with objects, and threshold.
        """

        def curve(found: Matches) -> pd.DataFrame:
            return precision_recall(found, thresholds)

        return self._of_matches(CURVE_COLUMNS, curve)

    def matches(self) -> pd.DataFrame:
        """Returns which object each detection matched, one row per detection.

        Returns:
            `MATCH_COLUMNS`: `detection` is the position in `detections.json`, `annotation` the id
            of the object matched at IoU .5 (-1: none), `iou` that of the match (NaN: none),
            `best_iou` the highest with an object of its class, `area` in square pixels; `true_50`
            and `ignored_50` say whether it is a true positive, or ignored, at IoU .5. If neither,
            it is a false positive.
        """
        return self._of_matches(MATCH_COLUMNS, _detections)

    def frames(self) -> dict[str, pd.DataFrame]:
        """Returns all frames by name, with the default arguments."""
        return {
            "metrics": self.metrics(),
            "per_class": self.per_class(),
            "training": self.training(),
            "precision_recall": self.precision_recall(),
            "matches": self.matches(),
        }

    def _evaluated(self) -> Iterator[tuple[RecordedRun, Evaluation]]:
        for run in self.runs:
            for evaluation in run.evaluations if run.status != DIVERGED else ():
                if evaluation.record is not None:
                    yield run, evaluation

    def _each(self, rows: Callable[[Evaluation], Iterator[dict[str, Any]]]) -> list[dict[str, Any]]:
        return [
            {**_identity(run), "split": evaluation.split, **row}
            for run, evaluation in self._evaluated()
            for row in rows(evaluation)
        ]

    def _of_matches(
        self, columns: Sequence[str], frame: Callable[[Matches], pd.DataFrame]
    ) -> pd.DataFrame:
        frames = []
        for run, evaluation in self._evaluated():
            path = evaluation.folder / MATCHES
            if not path.is_file():
                continue
            found = read_matches(path)
            rows = frame(found)
            rows.insert(0, "category", rows["category_id"].map(found.names))
            rows.insert(0, "split", evaluation.split)
            frames.append(_with_run(run, rows))
        return _joined(columns, frames)[list(columns)]


def _identity(run: RecordedRun) -> dict[str, Any]:
    named = {name: getattr(run, name) for name in RUN_COLUMNS if name != "run"}
    return {"run": run.key, **named}


def _with_run(run: RecordedRun, rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(**_identity(run))


def _measured(evaluation: Evaluation) -> Iterator[tuple[str, Measured, Mapping[str, Any]]]:
    if evaluation.record is not None:
        yield BOXES, evaluation.record, evaluation.metrics
    if evaluation.masks is not None:
        yield MASKS, evaluation.masks, evaluation.mask_metrics


def _metric_rows(evaluation: Evaluation) -> Iterator[dict[str, Any]]:
    for iou_type, record, metrics in _measured(evaluation):
        known = (record.intervals and record.intervals.metrics) or {}
        for key, value in metrics.items():
            low, high = known.get(key) or (None, None)
            row = {"metric": key, "value": value, "low": low, "high": high}
            yield {"iou_type": iou_type, **row}


def _class_rows(evaluation: Evaluation) -> Iterator[dict[str, Any]]:
    names = evaluation.class_names
    for iou_type, record, _ in _measured(evaluation):
        for category, metrics in (record.per_class or {}).items():
            who = {"category_id": int(category), "category": names.get(category, category)}
            for key, value in metrics.items():
                yield {"iou_type": iou_type, **who, "metric": key, "value": value}


def _detections(found: Matches) -> pd.DataFrame:
    rows = found.detections.copy()
    for name in ("true", "ignored"):
        rows[f"{name}_50"] = (rows[f"{name}_all"] & OPERATING_POINT).astype(bool)
    return rows


def _frame(columns: Sequence[str], rows: list[dict[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=list(columns))
    numbers = [name for name in ("value", "low", "high") if name in columns]
    return frame.astype(dict.fromkeys(numbers, "float64"))


def _joined(columns: Sequence[str], frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """All rows, with these columns first."""
    if not frames:
        return pd.DataFrame(columns=list(columns))
    frame = pd.concat(frames, ignore_index=True)
    others = [name for name in frame.columns if name not in columns]
    return frame[[*columns, *others]]
