"""The error of every image of a split, and which images a comparison page shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from rankdet.evaluation.metrics.matches import Matches
from rankdet.evaluation.metrics.olrp import TAU

PARTS = 3  # of the images, by their number of objects
DIFFER, HARDEST = 2, 1  # images of each part


@dataclass(frozen=True)
class ChosenImage:
    """An image of a comparison page.

    Attributes:
        image_id: its id.
        why: `differ` or `hardest`.
        errors: its error with each loss, in [0, 1]; see `image_errors`.
    """

    image_id: int
    why: str
    errors: tuple[float, ...]

    @property
    def ends(self) -> tuple[int, int]:
        """Positions of the losses with the smallest and the largest error."""
        return self.errors.index(min(self.errors)), self.errors.index(max(self.errors))


def operating_rows(rows: pd.DataFrame, limits: Mapping[int, float], best: int) -> pd.DataFrame:
    """Returns the detections that reach the LRP-optimal threshold of their class.

    Args:
        rows: detections of a table of matches.
        limits: threshold by category id; a class without one has no detection here.
        best: if no class has a threshold, how many detections of each image are returned, those
            with the highest scores.
    """
    if limits:
        return rows[rows["score"] >= rows["category_id"].map(limits).fillna(np.inf)]
    rows = rows.sort_values(["score", "detection"], ascending=[False, True])
    return rows.groupby("image_id", sort=False).head(best)


def image_errors(matches: Matches, shown: pd.DataFrame) -> pd.Series:
    """Returns LRP of each image: localisation errors, false alarms and misses at IoU .5.

    Args:
        matches: the matches of a run.
        shown: those of its detections that count.

    Returns:
        By image id, in [0, 1]; 0 for an image without objects and detections.

    Source: Oksuz et al., Localization Recall Precision, ECCV 2018, Eq. 1, for a single image.
    """
    counted = shown[(shown["ignored_all"] & 1) == 0]
    hits = counted[counted["annotation"] >= 0]
    truth = matches.ground_truth[~matches.ground_truth["ignored_all"]]
    ids = pd.Index(matches.image_ids)

    def per_image(frame: pd.DataFrame) -> pd.Series:
        return frame["image_id"].value_counts().reindex(ids, fill_value=0)

    true, objects = per_image(hits), per_image(truth)
    false, missed = per_image(counted) - true, (objects - true).clip(lower=0)
    located = (1 - hits["iou"]).groupby(hits["image_id"]).sum().reindex(ids, fill_value=0.0)
    total = true + false + missed
    return ((located / (1 - TAU) + false + missed) / total.where(total > 0)).fillna(0.0)


def object_counts(matches: Matches) -> pd.Series:
    """Returns the number of annotated objects of each image, by image id."""
    found = matches.ground_truth["image_id"].value_counts()
    return found.reindex(pd.Index(matches.image_ids), fill_value=0)


def choose_images(errors: Sequence[pd.Series], objects: pd.Series) -> list[ChosenImage]:
    """Chooses images where the losses differ most, then those that are hard for every loss.

    The images are divided into equal parts by their number of objects: the error of an image with
    one object is often 0 or 1, so that crowded images would never be chosen.

    Args:
        errors: the errors of each loss by image id, on the same images.
        objects: number of objects by image id.

    Returns:
        `DIFFER` images of each part by the range of their errors; then `HARDEST` others of each by
        their smallest error. Both from few objects to many; equal ones by image id.
    """
    table = pd.concat(errors, axis=1).sort_index()
    counts = objects.reindex(table.index).sort_values(kind="stable")
    found: dict[str, list[int]] = {"differ": [], "hardest": []}
    for part in np.array_split(counts.index.to_numpy(), PARTS):
        own = table.loc[np.sort(part)]
        spread = (own.max(axis=1) - own.min(axis=1)).sort_values(ascending=False, kind="stable")
        differ = spread.index[:DIFFER]
        rest = own.drop(index=differ).min(axis=1).sort_values(ascending=False, kind="stable")
        found["differ"] += differ.tolist()
        found["hardest"] += rest[rest > 0].index[:HARDEST].tolist()
    return [
        ChosenImage(one, why, tuple(float(v) for v in table.loc[one].to_numpy()))
        for why, chosen in found.items()
        for one in chosen
    ]
