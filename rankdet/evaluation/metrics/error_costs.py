"""How much AP50 each kind of error costs: TIDE's errors, from the matches.

TIDE: Bolya et al., "TIDE: A General Toolbox for Identifying Object Detection Errors", ECCV 2020.
The numbers are those of hotcoco's `tide_errors`, which follows the authors' code (docs/decisions/
062-costs-of-errors.md). A kind is corrected as there:

- Cls and Loc name the object that they nearly found. If no detection has it, the best of all Cls
  and Loc errors of this object becomes a true positive, of the object's class. The others vanish.
- Both, Dupe and Bkg vanish.
- Miss: objects without a detection and without such an error are not counted any more.
- FP and FN: no false positives; no object without a detection.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from rankdet.evaluation.coco.types import Bools, Detections, Floats, GroundTruth, Ints
from rankdet.evaluation.metrics.ap import precision_at_recalls
from rankdet.evaluation.metrics.error_kinds import (
    BACKGROUND,
    BKG,
    BOTH,
    CLS,
    DUPE,
    FOREGROUND,
    LOC,
)
from rankdet.evaluation.metrics.matches import Matches
from rankdet.evaluation.metrics.nearest import Nearest, nearest_objects

FALSE = (CLS, LOC, BOTH, DUPE, BKG)  # kinds of false positives
MISS, FP, FN = "Miss", "FP", "FN"


@dataclass(frozen=True)
class _Rows:
    """The detections and objects of a table of matches, in its order.

    Attributes:
        category: (D,) position of the class of each detection.
        score: (D,) its score.
        hit: (D,) whether it is a true positive at IoU .5.
        counts: (D,) whether it is a true or false positive there.
        kind: (D,) position in `FALSE` of the kind of each false positive, or -1.
        position: (D,) its position in the file.
        target: (D,) the object that an error of kind Cls or Loc nearly found, or -1.
        object_category: (G,) position of the class of each object.
        missed: (G,) whether an object counts and no detection has it.
        positives: (K,) how many objects of each class count.
    """

    category: Ints
    score: Floats
    hit: Bools
    counts: Bools
    kind: Ints
    position: Ints
    target: Ints
    object_category: Ints
    missed: Bools
    positives: Ints


def error_costs(
    ground_truth: GroundTruth,
    detections: Detections,
    matches: Matches,
    near: Nearest | None = None,
) -> dict[str, Any]:
    """Returns how much AP50 each kind of error costs.

    Args:
        ground_truth: The annotations.
        detections: The detections.
        matches: Their matches.
        near: The nearest objects of the false positives, if they are known.

    Returns:
        `delta_ap` and `counts`, each by kind of error (Cls, Loc, Both, Dupe, Bkg, Miss; `delta_ap`
        also FP and FN); `ap_base`; `pos_thr` and `bg_thr`, the IoUs of a match and of background.
        Empty without detections or ground truth.
    """
    if len(detections) == 0 or len(ground_truth) == 0:
        return {}
    rows, taken = _rows(matches, near or nearest_objects(ground_truth, detections, matches))
    wins = _winners(rows, taken)
    covered = np.zeros(len(rows.missed), dtype=bool)
    covered[rows.target[rows.target >= 0]] = True
    unexplained = rows.missed & ~covered
    counts = {kind: int(np.count_nonzero(rows.kind == k)) for k, kind in enumerate(FALSE)}
    counts[MISS] = int(np.count_nonzero(unexplained))
    table = _aps(rows, wins, unexplained)
    base = table.pop("base")
    deltas = {name: _mean(values - base) for name, values in table.items()}
    return {
        "delta_ap": dict(sorted(deltas.items())),
        "counts": dict(sorted(counts.items())),
        "ap_base": _mean(base),
        "pos_thr": FOREGROUND,
        "bg_thr": BACKGROUND,
    }


def _rows(matches: Matches, near: Nearest) -> tuple[_Rows, Bools]:
    """Returns the rows, and (G,) whether a detection has matched each object."""
    rows, truths = matches.detections, matches.ground_truth
    hit = rows["true_all"].to_numpy() & 1 == 1
    counts = rows["ignored_all"].to_numpy() & 1 == 0
    category = np.searchsorted(matches.category_ids, rows["category_id"].to_numpy())
    object_category = np.searchsorted(matches.category_ids, truths["category_id"].to_numpy())
    by_id = np.argsort(truths["annotation"].to_numpy(), kind="stable")
    sorted_ids = truths["annotation"].to_numpy()[by_id]
    matched = rows["annotation"].to_numpy()
    taken = np.zeros(len(truths), dtype=bool)
    taken[by_id[np.searchsorted(sorted_ids, matched[matched >= 0])]] = True
    false = near.rows
    kind, target = np.full(len(rows), -1), np.full(len(rows), -1)
    kind[false] = _kinds(near)
    target[false] = np.select(
        [kind[false] == FALSE.index(LOC), kind[false] == FALSE.index(CLS)],
        [near.own_object, near.other_object],
        default=-1,
    )
    ignored = truths["ignored_all"].to_numpy(dtype=bool)
    positives = np.bincount(object_category[~ignored], minlength=len(matches.category_ids))
    found = _Rows(
        category=category,
        score=rows["score"].to_numpy(),
        hit=hit,
        counts=counts | hit,
        kind=kind,
        position=rows["detection"].to_numpy(),
        target=target,
        object_category=object_category,
        missed=~ignored & ~taken,
        positives=positives,
    )
    return found, taken | ignored


def _kinds(near: Nearest) -> Ints:
    """Returns the kind of each false positive, as a position in `FALSE`."""
    tests = {
        LOC: (near.own >= BACKGROUND) & (near.own <= FOREGROUND),
        CLS: near.other >= FOREGROUND,
        DUPE: near.own >= FOREGROUND,
        BKG: near.other <= BACKGROUND,
    }
    places = [FALSE.index(kind) for kind in tests]
    return np.select(list(tests.values()), places, default=FALSE.index(BOTH))


def _winners(rows: _Rows, taken: Bools) -> Bools:
    """Returns (D,) whether an error becomes a true positive when its kind is corrected."""
    wins = np.zeros(len(rows.kind), dtype=bool)
    able = np.flatnonzero(rows.target >= 0)
    able = able[~taken[rows.target[able]]]
    able = able[np.lexsort((rows.position[able], -rows.score[able]))]
    _, first = np.unique(rows.target[able], return_index=True)
    wins[able[first]] = True
    return wins


def _aps(rows: _Rows, wins: Bools, unexplained: Bools) -> dict[str, Floats]:
    """Returns AP50 of each class with objects: now (`base`), and without each kind of error."""
    classes = len(rows.positives)
    missed = np.bincount(rows.object_category[rows.missed], minlength=classes)
    unseen = np.bincount(rows.object_category[unexplained], minlength=classes)
    # By class and descending score; ties in the order of the table.
    order = np.lexsort((-rows.score, rows.category))
    stops = np.searchsorted(rows.category[order], np.arange(classes + 1))
    moved = np.flatnonzero(wins & (rows.kind == FALSE.index(CLS)))
    moved_to = rows.object_category[rows.target[moved]]
    found: dict[str, list[float]] = {}
    for k in np.flatnonzero(rows.positives).tolist():
        own, positives = order[stops[k] : stops[k + 1]], int(rows.positives[k])
        hit, counts, kind = rows.hit[own], rows.counts[own], rows.kind[own]
        aps = {"base": _ap(hit, counts, positives)}
        for place, name in enumerate(FALSE):
            of_kind = kind == place
            if name == LOC:
                better = of_kind & wins[own]
                aps[name] = _ap(hit | better, counts & ~(of_kind & ~better), positives)
            elif name == CLS:
                keep = counts & ~of_kind
                aps[name] = _with_moved(rows.score, own, hit, keep, moved[moved_to == k], positives)
            else:
                aps[name] = _ap(hit, counts & ~of_kind, positives)
        aps[FP] = _ap(hit, counts & (kind < 0), positives)
        aps[FN] = _ap(hit, counts, positives - int(missed[k]))
        aps[MISS] = _ap(hit, counts, positives - int(unseen[k]))
        for name, value in aps.items():
            found.setdefault(name, []).append(value)
    names = ("base", *FALSE, FP, FN, MISS)
    return {name: np.array(found.get(name, ())) for name in names}


def _with_moved(
    score: Floats, own: Ints, hit: Bools, counts: Bools, moved: Ints, positives: int
) -> float:
    """Returns AP50 of a class that gets true positives from other classes."""
    every = np.r_[score[own], score[moved]]
    order = np.argsort(-every, kind="stable")
    true = np.r_[hit, np.ones(len(moved), dtype=bool)][order]
    return _ap(true, np.r_[counts, np.ones(len(moved), dtype=bool)][order], positives)


def _ap(hit: Bools, counts: Bools, positives: int) -> float:
    """Returns AP at IoU .5 of detections by descending score; 0 without positives."""
    if positives <= 0:
        return 0.0
    return _mean(precision_at_recalls(np.cumsum(counts, dtype=np.int64)[hit], positives))


def _mean(values: Floats) -> float:
    """Returns the mean, summed in order as hotcoco does; 0 without values."""
    return float(np.cumsum(values)[-1] / len(values)) if len(values) else 0.0
