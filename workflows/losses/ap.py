"""AP Loss: average precision as the classification loss, with smooth L1 for the boxes.

K. Chen, W. Lin, J. Li, J. See, J. Wang, J. Zou: AP-Loss for Accurate One-Stage Object Detection,
TPAMI 2020 (first: Towards Accurate One-Stage Object Detection with AP-Loss, CVPR 2019).
"""

CARD = {
    "name": "ap",
    "title": "AP Loss",
    "paper": "AP-Loss for Accurate One-Stage Object Detection",
    "authors": "K. Chen, W. Lin, J. Li, J. See, J. Wang, J. Zou",
    "citation": "Chen et al., TPAMI 2020",
    "url": "https://arxiv.org/abs/2008.07294",
    "classification": {"type": "APLoss", "delta": 1.0},
    # A mean over the four coordinates, hence a quarter of their sum.
    "box": {"type": "smooth_l1", "weight": 0.25, "beta": 1.0},
    "balance": {"type": "none"},
    "head": {"centerness": False},
    "training": {
        "tuned": "data/tuned/claims-shapes.json",
        "lr": {"small": 0.01, "full": 0.002},  # full: for 32 images
    },
    "test": {"score_threshold": 0.01, "nms_iou": 0.5},
    "hyperparameters": ["delta", "box weight", "box beta"],
    "collapse_above": 0.97,
    "variants": {
        # aLRP Loss, Table A.12.
        "iou": {
            "title": "IoU",
            "box": {"type": "iou", "weight": 2.0},
            "hyperparameters": ["delta", "box weight"],
        },
        "giou": {
            "title": "GIoU",
            "box": {"type": "giou", "weight": 2.0},
            "hyperparameters": ["delta", "box weight"],
        },
        # AP Loss has no bounded error, so the first epoch does not need a larger weight.
        "sb": {"title": "self-balance", "balance": {"type": "self-epoch", "initial": 1.0}},
        # APE Loss, Tables 4 and 8: .004 for 16 images.
        "high-lr": {"title": "higher learning rate", "training": {"lr": {"full": 0.008}}},
        "no-interpolation": {
            "title": "precision not interpolated",
            "classification": {"interpolate": False},
        },
        "delta0": {"title": "δ = 0", "classification": {"delta": 0.0}},
        "delta0.25": {"title": "δ = .25", "classification": {"delta": 0.25}},
        "delta0.5": {"title": "δ = .5", "classification": {"delta": 0.5}},
        "delta1.5": {"title": "δ = 1.5", "classification": {"delta": 1.5}},
        "delta2": {"title": "δ = 2", "classification": {"delta": 2.0}},
        "per-image": {"title": "ranked within images", "classification": {"per_image": True}},
    },
}
