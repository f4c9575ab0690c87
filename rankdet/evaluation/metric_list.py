"""All metrics of the benchmark, one entry each, in the order in which they are shown.

To add a metric, write a function of the matches and an entry that names it with `compute` (see
`docs/evaluation.md`). Planning reads this module, so it imports neither numpy nor pandas.
"""

from rankdet.evaluation.metric import (
    CLASSES,
    COMPARE,
    EVALUATE,
    HIGHER,
    LEADERBOARD,
    LOWER,
    MASKS,
    RUN,
    SPARSITY,
    SWEEP,
    Metric,
)

GROUPS = {
    "ap": "AP",
    "area": "AP by area",
    "frequency": "AP by frequency",
    "ar": "AR",
    "olrp": "oLRP",
    "thresholds": "At the LRP-optimal thresholds",
    "correlation": "Correlation of score and IoU",
    "pooled": "Correlation, all classes together",
    "calibration": "Calibration error",
    "bounds": "AP under other rankings",
    "speed": "Speed",
    "class": "One class",
}

_AREAS = {
    "small": "an area below 32² pixels",
    "medium": "an area of 32² to 96² pixels",
    "large": "an area of 96² pixels or more",
}
_FREQUENCIES = {  # of LVIS
    "rare": "in 1 to 10 training images",
    "common": "in 11 to 100 training images",
    "frequent": "in more than 100 training images",
}
_COEFFICIENTS = {"pearson": "Pearson", "spearman": "Spearman", "kendall": "Kendall"}
_RECALL = "Average recall with at most {} detections per image, over IoU thresholds .50 to .95."
_POOLED = "{} coefficient over the true positives of all classes together."
_DUPLICATES = "{} coefficient over all detections whose best IoU exceeds .5, duplicates included."


def _ap(iou: int, *shown: str) -> Metric:
    key, meaning = f"AP{iou}", f"Average precision at IoU threshold .{iou}."
    return Metric(key, key, meaning, "ap", HIGHER, 100, 1, interval="ap", shown=shown)


def _part(key: str, group: str, meaning: str, *shown: str) -> Metric:
    """AP or AR of a part of the data, which has no interval."""
    kind, part = key[:2], key[2:].lstrip("_")
    return Metric(key, f"{kind} {part}", meaning, group, HIGHER, 100, 1, shown=shown)


def _lrp(key: str, header: str, meaning: str, *also: str) -> Metric:
    shown = (LEADERBOARD, RUN, CLASSES, SPARSITY, SWEEP, COMPARE, EVALUATE, *also)
    return Metric(key, header, meaning, "olrp", LOWER, 100, 1, interval="olrp", shown=shown)


def _correlation(key: str, header: str, group: str, meaning: str, *shown: str) -> Metric:
    return Metric(key, header, meaning, group, HIGHER, 1, 2, interval="correlation", shown=shown)


def _kept(
    key: str, header: str, name: str, meaning: str, *also: str, better: str = HIGHER
) -> Metric:
    """A metric of the detections at or above the LRP-optimal threshold of their class."""
    path = ("operating_point", "metrics", name)
    shown = (RUN, EVALUATE, *also)
    return Metric(key, header, meaning, "thresholds", better, 100, 1, shown=shown, path=path)


METRICS: tuple[Metric, ...] = (
    Metric(
        key="AP",
        header="AP",
        meaning="Average precision as COCO defines it: mean over IoU thresholds .50 to .95 and over"
        " the classes that have objects.",
        group="ap",
        better=HIGHER,
        scale=100,
        decimals=1,
        interval="ap",
        shown=(LEADERBOARD, RUN, CLASSES, SPARSITY, SWEEP, COMPARE, EVALUATE, MASKS),
    ),
    _ap(50, LEADERBOARD, RUN, CLASSES, SPARSITY, SWEEP, COMPARE, EVALUATE, MASKS),
    _ap(55),
    _ap(60),
    _ap(65, EVALUATE),
    _ap(70),
    _ap(75, LEADERBOARD, RUN, CLASSES, SPARSITY, SWEEP, COMPARE, EVALUATE),
    _ap(80, EVALUATE),
    _ap(85),
    _ap(90, LEADERBOARD, RUN, SWEEP, COMPARE, EVALUATE),
    _ap(95, EVALUATE),
    *(
        _part(f"AP_{name}", "area", f"AP of the objects with {area}.", RUN, EVALUATE)
        for name, area in _AREAS.items()
    ),
    *(
        _part(f"AP_{name}", "frequency", f"AP of the classes {images} (LVIS).", RUN, EVALUATE)
        for name, images in _FREQUENCIES.items()
    ),
    *(_part(f"AR{n}", "ar", _RECALL.format(n), RUN, EVALUATE) for n in (1, 10, 100, 300)),
    *(
        _part(f"AR_{name}", "ar", f"AR of the objects with {area}.", EVALUATE)
        for name, area in _AREAS.items()
    ),
    _lrp(
        "oLRP",
        "oLRP",
        "Optimal Localisation Recall Precision error at IoU .5: the lowest LRP over all score"
        " thresholds, mean over classes.",
        MASKS,
    ),
    _lrp("oLRP_Loc", "Loc", "Part of oLRP: mean of 1 − IoU over the true positives."),
    _lrp("oLRP_FP", "FP", "Part of oLRP: share of false positives among the detections."),
    _lrp("oLRP_FN", "FN", "Part of oLRP: share of objects that are missed."),
    *(
        _kept(f"{key}_kept", f"{key} of the kept", key, f"{key} of the detections that are kept.")
        for key in ("AP", "AP50")
    ),
    _kept("F1", "F1", "F1", "2 TP / (2 TP + FP + FN) at IoU .5, mean over classes.", CLASSES),
    _kept(
        "precision",
        "precision",
        "precision",
        "Share of true positives among the kept detections at IoU .5, mean over classes.",
        CLASSES,
    ),
    _kept(
        "recall",
        "recall",
        "recall",
        "Share of the objects found at IoU .5, mean over classes.",
        CLASSES,
    ),
    _kept("LRP", "LRP", "LRP", "LRP of the kept detections, mean over classes.", better=LOWER),
    Metric(
        key="kept_per_image",
        header="kept per image",
        meaning="Mean number of kept detections per image.",
        group="thresholds",
        better=None,
        decimals=1,
        shown=(RUN, EVALUATE),
        path=("operating_point", "detections_per_image"),
    ),
    _correlation(
        "pearson",
        "Pearson",
        "correlation",
        "Linear correlation of score and IoU over true positives at IoU .5, mean over classes.",
        *(LEADERBOARD, RUN, EVALUATE),
    ),
    _correlation(
        "spearman",
        "Spearman",
        "correlation",
        "Correlation of the ranks of score and IoU over true positives at IoU .5, mean over"
        " classes.",
        *(LEADERBOARD, RUN, CLASSES, COMPARE, EVALUATE),
    ),
    _correlation(
        "kendall",
        "Kendall",
        "correlation",
        "Kendall's τ-b of score and IoU over true positives at IoU .5, mean over classes.",
        *(LEADERBOARD, RUN, EVALUATE),
    ),
    *(
        _correlation(
            f"{k}_pooled", f"{name}, pooled", "pooled", _POOLED.format(name), RUN, EVALUATE
        )
        for k, name in _COEFFICIENTS.items()
    ),
    *(
        _correlation(
            f"{k}_pooled_duplicates", f"{name}, duplicates", "pooled", _DUPLICATES.format(name)
        )
        for k, name in _COEFFICIENTS.items()
    ),
    Metric(
        key="D_ECE",
        header="D-ECE",
        meaning="Detection calibration error: mean distance of score and precision over 25 bins of"
        " scores.",
        group="calibration",
        better=LOWER,
        scale=100,
        decimals=1,
        shown=(LEADERBOARD, RUN, COMPARE, EVALUATE),
        path=("calibration", "D_ECE"),
    ),
    Metric(
        key="LaECE",
        header="LaECE",
        meaning="Localisation-aware calibration error: mean distance of score and precision × IoU"
        " over 25 bins of scores, mean over classes.",
        group="calibration",
        better=LOWER,
        scale=100,
        decimals=1,
        shown=(LEADERBOARD, RUN, CLASSES, COMPARE, EVALUATE),
        path=("calibration", "LaECE"),
    ),
    Metric(
        key="AP_lower",
        header="AP, worst ranking",
        meaning="AP if the true positives with the lowest scores had the highest IoUs; scores and"
        " AP50 stay the same.",
        group="bounds",
        better=HIGHER,
        scale=100,
        decimals=1,
        shown=(RUN, EVALUATE),
        path=("bounds", "lower", "AP"),
    ),
    Metric(
        key="AP_upper",
        header="AP, best ranking",
        meaning="AP if the true positives with the highest scores had the highest IoUs; scores and"
        " AP50 stay the same.",
        group="bounds",
        better=HIGHER,
        scale=100,
        decimals=1,
        shown=(RUN, EVALUATE),
        path=("bounds", "upper", "AP"),
    ),
    Metric(
        key="speed.images_per_second",
        header="images/s",
        meaning="Inference speed: images per second, one image at a time, without loading and"
        " resizing.",
        group="speed",
        better=HIGHER,
        decimals=1,
        shown=(LEADERBOARD, RUN, SWEEP, COMPARE),
        path=("speed", "images_per_second"),
    ),
    Metric(
        key="training.seconds_per_iteration",
        header="s/iteration",
        meaning="Training speed: seconds per iteration.",
        group="speed",
        better=LOWER,
        decimals=3,
        shown=(LEADERBOARD, RUN),
        path=("training", "seconds_per_iteration"),
    ),
    Metric(
        key="detections_per_image",
        header="detections per image",
        meaning="Mean number of detections per image.",
        group="speed",
        better=None,
        decimals=1,
        shown=(SWEEP,),
        path=("detections_per_image",),
    ),
    Metric(
        key="n_gt",
        header="objects",
        meaning="Number of objects of the class.",
        group="class",
        better=None,
        decimals=0,
        shown=(CLASSES,),
        path=(),
    ),
    Metric(
        key="n_tp",
        header="found",
        meaning="Number of true positives of the class at IoU .5.",
        group="class",
        better=None,
        decimals=0,
        shown=(CLASSES,),
        path=(),
    ),
    Metric(
        key="lrp_threshold",
        header="threshold",
        meaning="Score threshold of the class at which LRP is lowest.",
        group="class",
        better=None,
        decimals=3,
        shown=(CLASSES,),
        path=(),
    ),
)
