"""The table of matches, which every metric reads, and its file (`matches.parquet`).

One row per considered detection: of each image and class the 100 with the highest scores (for the
federated annotations of LVIS: of each image 300, of the classes for which it is annotated):

- `image_id`, `category_id`; `detection`: its position in the detections file, from 0; `score`;
  `rank`: rank among the detections of its image and class, from 0; `area` in square pixels.
- `annotation`: id of the ground truth matched at IoU .5 over all areas, -1 without a match; `iou`:
  the IoU of that match, NaN without a match. A detection may match a crowd; it is then ignored.
- `best_iou`: highest IoU with any ground truth of its image and class that is not a crowd.
- `true_<area>`, `ignored_<area>` for the areas all, small, medium and large: bit i is set if it is
  a true positive, or ignored, at the i-th IoU threshold (.50, .55, ... .95). If neither is set, it
  is a false positive.

One row per ground truth: `image_id`, `category_id`, `annotation` (its id), `area`, `crowd`,
`detection` (its match at IoU .5 over all areas, -1 if it is missed or ignored), `ignored_<area>`
(True or False).

On disk both are in one Parquet table; the column `kind` is "detection" or "ground_truth", and the
columns of the other kind are null. The file's metadata (key `rankdet`, JSON) has the schema's
name, all image ids, the categories with names and frequency, the IoU type, the thresholds, the
area ranges, the limit on detections, and the notes.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rankdet.errors import InputError, in_words
from rankdet.evaluation.coco.types import Bools, Floats, Ints
from rankdet.files import atomic, open_regular
from rankdet.parsing import parse_json

SCHEMA = "rankdet.matches/1"
IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
AREAS = {
    "all": (0.0, 1e5**2),
    "small": (0.0, 32.0**2),
    "medium": (32.0**2, 96.0**2),
    "large": (96.0**2, 1e5**2),
}
MAX_DETECTIONS = 100
FEDERATED_MAX_DETECTIONS = 300  # LVIS, over all classes of an image

DETECTION_COLUMNS = {
    "image_id": "int64",
    "category_id": "int64",
    "detection": "int64",
    "score": "float64",
    "rank": "int32",
    "area": "float64",
    "annotation": "int64",
    "iou": "float64",
    "best_iou": "float64",
    **{f"{kind}_{area}": "uint16" for area in AREAS for kind in ("true", "ignored")},
}
GROUND_TRUTH_COLUMNS = {
    "image_id": "int64",
    "category_id": "int64",
    "annotation": "int64",
    "area": "float64",
    "crowd": "bool",
    "detection": "int64",
    **{f"ignored_{area}": "bool" for area in AREAS},
}


@dataclass(frozen=True)
class Matches:
    """The result of the matching pass; the module's docstring describes the columns.

    Attributes:
        detections: one row per considered detection, by category, image and rank.
        ground_truth: one row per annotation, by category and image.
        image_ids: (I,) every image of the split, ascending; also images without rows.
        category_ids: (K,) every category, ascending.
        names: category id to name.
        frequency: category id to "r", "c" or "f"; empty if the annotations do not give it.
        iou_type: "bbox" or "segm".
        max_detections: the limit per image and class (300, per image: federated annotations).
        notes: Remarks about the input, one sentence each.
    """

    detections: pd.DataFrame
    ground_truth: pd.DataFrame
    image_ids: Ints
    category_ids: Ints
    names: dict[int, str]
    frequency: dict[int, str] = field(default_factory=dict)
    iou_type: str = "bbox"
    max_detections: int = MAX_DETECTIONS
    notes: list[str] = field(default_factory=list)

    def per_class(self) -> list["ClassMatches"]:
        """Returns each category's detections, by descending score, and its ground truth."""
        return self._classes

    @cached_property
    def _classes(self) -> list["ClassMatches"]:
        columns = {name: self.detections[name].to_numpy() for name in DETECTION_COLUMNS}
        truths = {name: self.ground_truth[name].to_numpy() for name in GROUND_TRUTH_COLUMNS}
        classes = []
        for category_id in self.category_ids.tolist():
            rows = _rows(columns["category_id"], category_id)
            # Stable over images in ascending order: pycocotools' order of tied scores.
            order = rows.start + np.argsort(-columns["score"][rows], kind="stable")
            truth = _rows(truths["category_id"], category_id)
            classes.append(
                ClassMatches(category_id, _Columns(columns, order), _Columns(truths, truth))
            )
        return classes

    def of_images(self, image_ids: Sequence[int] | Ints) -> "Matches":
        """Returns the matches of the given images."""
        chosen = np.intersect1d(self.image_ids, np.asarray(image_ids, dtype=np.int64))
        detections = self.detections[self.detections["image_id"].isin(chosen)]
        ground_truth = self.ground_truth[self.ground_truth["image_id"].isin(chosen)]
        return replace(
            self,
            detections=detections.reset_index(drop=True),
            ground_truth=ground_truth.reset_index(drop=True),
            image_ids=chosen,
        )


class _Columns(dict[str, Any]):
    """Some rows of a table; a column is read at its first use."""

    def __init__(self, table: dict[str, Any], rows: Ints | slice) -> None:
        super().__init__()
        self._table, self._taken = table, rows

    def __missing__(self, name: str) -> Any:
        self[name] = self._table[name][self._taken]
        return self[name]


@dataclass(frozen=True)
class ClassMatches:
    """One category's rows as arrays; detections by descending score, ties by image and rank."""

    category_id: int
    detections: dict[str, Any]
    ground_truth: dict[str, Any]

    def positives(self, area: str = "all") -> int:
        """Returns how many ground truths count in an area range."""
        return int(np.count_nonzero(~self.ground_truth[f"ignored_{area}"]))

    def true(self, threshold: int = 0, area: str = "all") -> Bools:
        """Returns (D,) whether each detection is a true positive at the threshold of that index."""
        return np.asarray(self.detections[f"true_{area}"] >> threshold & 1 == 1)

    def counted(self, threshold: int = 0, area: str = "all") -> Bools:
        """Returns (D,) whether each detection is a true or false positive there (not ignored)."""
        return np.asarray(self.detections[f"ignored_{area}"] >> threshold & 1 == 0)

    @property
    def score(self) -> Floats:
        """(D,) scores, descending."""
        return np.asarray(self.detections["score"])

    @property
    def iou(self) -> Floats:
        """(D,) IoU of the match at IoU .5, NaN without a match."""
        return np.asarray(self.detections["iou"])


def _rows(category: Ints, category_id: int) -> slice:
    return slice(
        int(np.searchsorted(category, category_id, side="left")),
        int(np.searchsorted(category, category_id, side="right")),
    )


def write_matches(matches: Matches, path: Path | str) -> None:
    """Writes `matches.parquet` atomically."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = Path(path)
    tables = []
    for kind, frame in (
        ("detection", matches.detections),
        ("ground_truth", matches.ground_truth),
    ):
        table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
        label = pa.array([kind] * len(frame)).cast(pa.string()).dictionary_encode()
        tables.append(table.add_column(0, "kind", label))
    # A detection's ignored_<area> is a set of bits, a ground truth's a flag: two columns on disk.
    tables[1] = tables[1].rename_columns(
        [f"gt_{n}" if n.startswith("ignored_") else n for n in tables[1].column_names]
    )
    table = pa.concat_tables(tables, promote_options="permissive").combine_chunks()
    meta = {
        "schema": SCHEMA,
        "image_ids": matches.image_ids.tolist(),
        "categories": [
            {
                "id": i,
                "name": matches.names.get(i, str(i)),
                **({"frequency": matches.frequency[i]} if i in matches.frequency else {}),
            }
            for i in matches.category_ids.tolist()
        ],
        "iou_type": matches.iou_type,
        "iou_thresholds": IOU_THRESHOLDS.tolist(),
        "areas": {name: list(limits) for name, limits in AREAS.items()},
        "max_detections": matches.max_detections,
        "notes": matches.notes,
    }
    table = table.replace_schema_metadata({"rankdet": json.dumps(meta)})
    repeated = ["kind", "category_id"]
    try:
        with atomic(path) as temporary:
            pq.write_table(table, temporary, compression="zstd", use_dictionary=repeated)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error})") from None


def read_matches(path: Path | str) -> Matches:
    """Reads `matches.parquet`.

    Raises:
        InputError: the file is missing or is not a table of matches.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = Path(path)
    try:
        with open_regular(path) as file:
            table = pq.read_table(file)
        meta = parse_json((table.schema.metadata or {})[b"rankdet"].decode())
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (pa.ArrowException, KeyError, ValueError):
        raise InputError(
            f"{path}: is not a table of matches; `rankdet evaluate --matches` writes one"
        ) from None
    except OSError as error:
        raise InputError(
            f"{path}: is damaged ({in_words(error)}); evaluate the run again"
        ) from None
    if not isinstance(meta, dict) or meta.get("schema") != SCHEMA:
        found = meta.get("schema") if isinstance(meta, dict) else meta
        raise InputError(f"{path}: has schema {found!r}; needed: {SCHEMA!r}")
    try:
        return _matches(table, meta)
    except (pa.ArrowException, LookupError, TypeError, ValueError, OverflowError) as error:
        raise InputError(
            f"{path}: is damaged ({in_words(error)}); evaluate the run again"
        ) from None


def _matches(table: Any, meta: dict[str, Any]) -> Matches:
    import pyarrow as pa

    is_detection = pa.compute.equal(table["kind"].cast(pa.string()), "detection")
    is_object = pa.compute.invert(is_detection)
    found = Matches(
        detections=_frame(table, is_detection, DETECTION_COLUMNS, ""),
        ground_truth=_frame(table, is_object, GROUND_TRUTH_COLUMNS, "gt_"),
        image_ids=np.array(meta["image_ids"], dtype=np.int64),
        category_ids=np.array([c["id"] for c in meta["categories"]], dtype=np.int64),
        names={c["id"]: c["name"] for c in meta["categories"]},
        frequency={c["id"]: c["frequency"] for c in meta["categories"] if "frequency" in c},
        iou_type=str(meta["iou_type"]),
        max_detections=int(meta["max_detections"]),
        notes=[str(note) for note in meta["notes"]],
    )
    for frame in (found.detections, found.ground_truth):
        for name, known in (("image_id", found.image_ids), ("category_id", found.category_ids)):
            if not np.isin(frame[name], known).all():
                raise ValueError(f"a row names a {name} that the file does not list")
    return found


def _frame(table: Any, rows: Any, columns: dict[str, str], prefix: str) -> pd.DataFrame:
    """The columns of the chosen rows with their types; one by one, so that no second table is made.

    Raises:
        ValueError: if a value is missing, does not fit the type (pandas would change it), or is a
            score that is not finite.
    """
    import pyarrow as pa

    frame = {}
    for name, dtype in columns.items():
        column = table[prefix + name if name.startswith("ignored_") else name].filter(rows)
        if column.null_count and (name == "score" or not dtype.startswith("float")):
            raise ValueError(f"column {name} has empty cells")
        kind = pa.bool_() if dtype == "bool" else pa.from_numpy_dtype(np.dtype(dtype))
        frame[name] = column.cast(kind).to_numpy(zero_copy_only=False).astype(dtype)
    if "score" in frame and not np.isfinite(frame["score"]).all():
        raise ValueError("a score is not finite")
    return pd.DataFrame(frame)
