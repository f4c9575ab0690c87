"""Focal loss with GIoU loss: the usual baseline.

T.-Y. Lin, P. Goyal, R. Girshick, K. He, P. Dollár: Focal Loss for Dense Object Detection,
ICCV 2017.
"""

CARD = {
    "name": "focal",
    "title": "Focal Loss",
    "paper": "Focal Loss for Dense Object Detection",
    "authors": "T.-Y. Lin, P. Goyal, R. Girshick, K. He, P. Dollár",
    "citation": "Lin et al., ICCV 2017",
    "url": "https://arxiv.org/abs/1708.02002",
    "classification": {"type": "SigmoidFocalLoss", "alpha": 0.25, "gamma": 2.0},
    "box": {"type": "giou", "weight": 2.0},
    "balance": {"type": "none"},
    "head": {"centerness": True},
    # Two-stage detectors: both stages, prior score .01 (Rank & Sort Loss, supplement S3.5).
    "rpn": {"classification": {"type": "SigmoidFocalLoss"}, "prior": 0.01},
    # Full: for 32 images, linear from the paper's .01 for 16.
    "training": {
        "tuned": "data/tuned/claims-shapes.json",
        "lr": {"small": 0.01, "full": 0.02},
    },
    "test": {"score_threshold": 0.05, "nms_iou": 0.5},
    "hyperparameters": ["alpha", "gamma", "box weight"],
    "variants": {
        # As in ATSS's paper: each positive's GIoU is weighted by its centre-ness target.
        "centerness": {
            "title": "GIoU weighted by centre-ness",
            "box": {"weighting": "centerness"},
        },
        # As in PAA's paper: each positive's GIoU is weighted by its IoU.
        "paa": {
            "title": "PAA's settings",
            "box": {"weighting": "iou", "weight": 1.3},
        },
        # FoveaBox as in mmdet, and in aLRP Loss's Table 7.
        "foveabox": {
            "title": "FoveaBox's settings",
            "classification": {"alpha": 0.4, "gamma": 1.5},
            "box": {"type": "smooth_l1", "weight": 1.0, "beta": 0.11},
        },
        "l1": {"title": "L1", "box": {"type": "l1", "weight": 1.0}},
        "smooth-l1": {
            "title": "smooth L1",
            "box": {"type": "smooth_l1", "weight": 1.0},
            "hyperparameters": ["alpha", "gamma", "box weight", "box beta"],
        },
        # Rank & Sort Loss, Table S8 (without variant: random samplers in both stages).
        "rcnn-sampled": {"title": "sampler in R-CNN alone", "rpn": {"sampler": "none"}},
        "unsampled": {
            "title": "no samplers",
            "rpn": {"sampler": "none"},
            "rcnn": {"sampler": "none"},
        },
    },
}
