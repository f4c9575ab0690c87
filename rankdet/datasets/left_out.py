"""Which annotations training leaves out, and why.

mmdet trains on an annotation only if it is not ignored, its box has a width and a height of at
least one pixel, and it is not a crowd. Evaluation counts boxes of any size.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from rankdet.datasets.problems import Problems

DROPPED, SMALL, IGNORED, CROWD = "dropped", "below_1_px", "ignore", "crowd"
# In this order on the pages.
WORDS = {
    DROPPED: "dropped by the data check",
    SMALL: "with a width or height below 1 pixel",
    IGNORED: "marked `ignore`",
    CROWD: "crowds",
}


def why(annotation: Mapping[str, Any]) -> str | None:
    """Returns why training leaves a checked annotation out, as a key of `WORDS`; else None."""
    if annotation.get("ignore"):
        return IGNORED
    if min(annotation["bbox"][2:]) < 1:
        return SMALL
    return CROWD if annotation["iscrowd"] else None


def in_fractions(annotations: Iterable[Mapping[str, Any]]) -> bool:
    """Returns whether all boxes are between 0 and 1, as some tools write fractions of the image."""
    return all(
        max(x + width, y + height) <= 1
        for x, y, width, height in (annotation["bbox"] for annotation in annotations)
    )


def count(annotations: Iterable[Mapping[str, Any]], dropped: int = 0) -> dict[str, int]:
    """Returns how many annotations training leaves out for each reason; each counts once.

    Args:
        annotations: checked annotations.
        dropped: how many others the checks have dropped.
    """
    found = Counter(why(annotation) for annotation in annotations)
    found[DROPPED] = dropped
    return {reason: found[reason] for reason in WORDS}


def described(counts: Mapping[str, int]) -> str:
    """Returns counts in words: "marked `ignore` (2), crowds (1)"; empty if nothing is left out."""
    return ", ".join(
        f"{words} ({counts[key]:,})" for key, words in WORDS.items() if counts.get(key)
    )


def warn(annotations: Iterable[Mapping[str, Any]], problems: Problems) -> None:
    """Adds warnings for boxes that training leaves out because they are small."""
    for annotation in annotations:
        if why(annotation) == SMALL:
            where = f"annotation {annotation['id']} of image {annotation['image_id']}"
            box = [round(side, 3) for side in annotation["bbox"]]
            what = "boxes with a width or height below 1 pixel"
            repair = "kept: training leaves them out, evaluation counts them"
            problems.warning(what, f"{where}: {box}", repair)
