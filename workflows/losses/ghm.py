"""GHM-C: cross entropy in which samples count less the more others have the same gradient.

B. Li, Y. Liu, X. Wang: Gradient Harmonized Single-Stage Detector, AAAI 2019. The box part is GIoU;
the paper's box loss, GHM-R, is not implemented.
"""

CARD = {
    "name": "ghm",
    "title": "GHM-C",
    "paper": "Gradient Harmonized Single-Stage Detector",
    "authors": "B. Li, Y. Liu, X. Wang",
    "citation": "Li et al., AAAI 2019",
    "url": "https://arxiv.org/abs/1811.05181",
    "classification": {"type": "GHMCLoss", "bins": 30, "momentum": 0.75},
    "box": {"type": "giou", "weight": 2.0},
    "balance": {"type": "none"},
    "head": {"centerness": True},
    # Full: for 32 images, linear from .01 for 16.
    "training": {"lr": {"small": 0.01, "full": 0.02}},
    "test": {"score_threshold": 0.05, "nms_iou": 0.5},
    "hyperparameters": ["bins", "momentum", "box weight"],
    "variants": {
        "bins10": {"title": "10 bins", "classification": {"bins": 10}},
        "no-momentum": {"title": "without momentum", "classification": {"momentum": 0.0}},
        "smooth-l1": {
            "title": "smooth L1",
            "box": {"type": "smooth_l1", "weight": 1.0},
            "hyperparameters": ["bins", "momentum", "box weight", "box beta"],
        },
    },
}
