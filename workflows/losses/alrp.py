"""aLRP Loss: one ranking-based loss for classification and localisation, with self-balance.

K. Oksuz, B. C. Cam, E. Akbas, S. Kalkan: A Ranking-based, Balanced Loss Function Unifying
Classification and Localisation in Object Detection, NeurIPS 2020.
"""

CARD = {
    "name": "alrp",
    "title": "aLRP Loss",
    "paper": "A Ranking-based, Balanced Loss Function Unifying Classification and Localisation",
    "citation": "Oksuz et al., NeurIPS 2020",
    "url": "https://arxiv.org/abs/2009.13592",
    "classification": {"type": "ALRPLoss", "delta": 1.0},
    "box": {"type": "giou"},
    "balance": {"type": "self-epoch", "initial": 50},
    "head": {"centerness": False},
    # Full: for 32 images. Small: from scratch it diverges at rates that suit the other losses.
    "training": {"lr": {"small": 0.003, "full": 0.008}},
    "test": {"score_threshold": 0.05, "nms_iou": 0.5},
    "hyperparameters": ["delta"],
    "collapse_above": 0.97,
    "variants": {
        "iou": {"title": "IoU", "box": {"type": "iou"}},
        "no-sb": {"title": "without self-balance", "balance": {"type": "none"}},
    },
}
