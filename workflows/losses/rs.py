"""Rank & Sort Loss: rank positives above negatives, and sort them by their boxes' IoU.

K. Oksuz, B. C. Cam, E. Akbas, S. Kalkan: Rank & Sort Loss for Object Detection and Instance
Segmentation, ICCV 2021.
"""

CARD = {
    "name": "rs",
    "title": "RS Loss",
    "paper": "Rank & Sort Loss for Object Detection and Instance Segmentation",
    "authors": "Kemal Oksuz, Baris Can Cam, Emre Akbas, Sinan Kalkan",
    "citation": "Oksuz et al., ICCV 2021",
    "url": "https://arxiv.org/abs/2107.11669",
    "classification": {"type": "RankSortLoss", "delta": 0.5},
    "box": {"type": "giou", "weighting": "score"},
    "balance": {"type": "self-iteration"},
    "head": {"centerness": False},
    "rpn": {"delta_stds": [0.1, 0.1, 0.2, 0.2]},
    # Every proposal and the ground truth; the papers' threshold on COCO (Table S10; .60 on LVIS).
    "rcnn": {"sampler": "all", "test": {"score_threshold": 0.4, "nms_iou": 0.5}},
    "mask": {
        "type": "dice",
        "weighting": "score",
        "cap": 200,
        "balance": {"type": "self-iteration"},
    },
    # Full: for 32 images, linear from the paper's for 16 (.008 one stage, .012 two stages).
    "training": {
        "tuned": "data/tuned/claims-shapes.json",
        "lr": {"small": 0.02, "full": 0.016},
        "lr_by_detector": {
            "faster-rcnn": {"small": 0.01, "full": 0.024},
            "cascade-rcnn": {"small": 0.01, "full": 0.024},
            "mask-rcnn": {"small": 0.01, "full": 0.024},
        },
    },
    "test": {"score_threshold": 0.05, "nms_iou": 0.6},
    "hyperparameters": ["delta"],
    "collapse_above": 0.97,
    "variants": {
        # Table S1: the weight of each box (without variant: score) ...
        "unweighted": {"title": "boxes not weighted", "box": {"weighting": "none"}},
        "centerness": {"title": "weighted by centre-ness", "box": {"weighting": "centerness"}},
        "iou": {"title": "weighted by IoU", "box": {"weighting": "iou"}},
        "ranking": {"title": "weighted by rank", "box": {"weighting": "ranking"}},
        # ... and the weight of the box part (without variant: self-balance by value).
        "w1": {"title": "w = 1", "balance": {"type": "constant", "weight": 1.0}},
        "w2": {"title": "w = 2", "balance": {"type": "constant", "weight": 2.0}},
        "w3": {"title": "w = 3", "balance": {"type": "constant", "weight": 3.0}},
        "magnitude": {
            "title": "balanced by gradient magnitude",
            "balance": {"type": "gradient-magnitude"},
        },
        # Table S3: the ranking-based weights with a smoothed step in the numerator, too.
        "loc0": {"title": "δ_loc = 0", "box": {"weighting": "ranking", "delta_loc": 0.0}},
        "loc0.5": {"title": "δ_loc = .5", "box": {"weighting": "ranking", "delta_loc": 0.5}},
        "loc1": {"title": "δ_loc = 1", "box": {"weighting": "ranking", "delta_loc": 1.0}},
        "loc1.5": {"title": "δ_loc = 1.5", "box": {"weighting": "ranking", "delta_loc": 1.5}},
        "loc2": {"title": "δ_loc = 2", "box": {"weighting": "ranking", "delta_loc": 2.0}},
        # Table S4.
        "delta0": {"title": "δ = 0", "classification": {"delta": 0.0}},
        "delta0.25": {"title": "δ = .25", "classification": {"delta": 0.25}},
        "delta0.4": {"title": "δ = .4", "classification": {"delta": 0.4}},
        "delta0.6": {"title": "δ = .6", "classification": {"delta": 0.6}},
        "delta0.75": {"title": "δ = .75", "classification": {"delta": 0.75}},
        "delta1": {"title": "δ = 1", "classification": {"delta": 1.0}},
        # Table S6: the continuous labels (without variant: the boxes' IoU).
        "binary-label": {"title": "binary labels", "classification": {"labels": "binary"}},
        "dice-label": {"title": "labels: Dice", "classification": {"labels": "dice"}},
        "iou-dice-label": {"title": "labels: IoU, Dice", "classification": {"labels": "mean"}},
        # Tables S7 and S8 (without variant: no samplers).
        "sampled": {
            "title": "random samplers",
            "rpn": {"sampler": "random"},
            "rcnn": {"sampler": "random"},
        },
        "rcnn-sampled": {"title": "sampler in R-CNN alone", "rcnn": {"sampler": "random"}},
        "stock-masks": {
            "title": "the detector's mask loss",
            "mask": {"type": "stock", "weighting": "none", "cap": None},
        },
        "per-image": {"title": "ranked within images", "classification": {"per_image": True}},
    },
}
