"""aLRP Loss: one ranking-based loss for classification and localisation, with self-balance.

K. Oksuz, B. C. Cam, E. Akbas, S. Kalkan: A Ranking-based, Balanced Loss Function Unifying
Classification and Localisation in Object Detection, NeurIPS 2020.
"""

CARD = {
    "name": "alrp",
    "title": "aLRP Loss",
    "paper": "A Ranking-based, Balanced Loss Function Unifying Classification and Localisation in "
    "Object Detection",
    "authors": "Kemal Oksuz, Baris Can Cam, Emre Akbas, Sinan Kalkan",
    "citation": "Oksuz et al., NeurIPS 2020",
    "url": "https://arxiv.org/abs/2009.13592",
    "classification": {"type": "ALRPLoss", "delta": 1.0},
    "box": {"type": "giou"},
    "balance": {"type": "self-epoch", "initial": 50},
    "head": {"centerness": False},
    "rpn": {"delta_stds": [0.1, 0.1, 0.2, 0.2], "prior": 0.01},
    # Full: for 32 images. Small: from scratch it diverges at the rates of the other losses.
    "training": {
        "tuned": "data/tuned/claims-shapes.json",
        "lr": {"small": 0.003, "full": 0.008},
        "lr_by_detector": {
            # Its boxes are exponentials of its outputs and grow without bound at .003.
            "foveabox": {"small": 0.0008},
            "faster-rcnn": {"full": 0.012},
            "cascade-rcnn": {"full": 0.012},
            "mask-rcnn": {"full": 0.012},
        },
    },
    "test": {"score_threshold": 0.05, "nms_iou": 0.5},
    "hyperparameters": ["delta"],
    "collapse_above": 0.97,
    "variants": {
        # IoU has no gradient for boxes that do not overlap their objects; a lower rate helps.
        "iou": {
            "title": "IoU",
            "box": {"type": "iou"},
            "training": {"lr": {"small": 0.002}},
        },
        "no-sb": {"title": "without self-balance", "balance": {"type": "none"}},
        # Table 3: a constant weight of the localisation part.
        "w1": {"title": "w = 1", "balance": {"type": "constant", "weight": 1.0}},
        "w2": {"title": "w = 2", "balance": {"type": "constant", "weight": 2.0}},
        "w5": {"title": "w = 5", "balance": {"type": "constant", "weight": 5.0}},
        "w10": {"title": "w = 10", "balance": {"type": "constant", "weight": 10.0}},
        "w15": {"title": "w = 15", "balance": {"type": "constant", "weight": 15.0}},
        "w20": {"title": "w = 20", "balance": {"type": "constant", "weight": 20.0}},
        "w25": {"title": "w = 25", "balance": {"type": "constant", "weight": 25.0}},
        # Table 4: the weight in the first epoch (without variant: 50).
        "init1": {"title": "w = 1 at first", "balance": {"initial": 1}},
        "init100": {"title": "w = 100 at first", "balance": {"initial": 100}},
        "init500": {"title": "w = 500 at first", "balance": {"initial": 500}},
        # Appendix G.3: the target of a positive's error is 0 instead of its localisation error.
        "zero-target": {"title": "target 0", "classification": {"target": "zero"}},
        "delta0": {"title": "δ = 0", "classification": {"delta": 0.0}},
        "delta0.25": {"title": "δ = .25", "classification": {"delta": 0.25}},
        "delta0.5": {"title": "δ = .5", "classification": {"delta": 0.5}},
        "delta1.5": {"title": "δ = 1.5", "classification": {"delta": 1.5}},
        "delta2": {"title": "δ = 2", "classification": {"delta": 2.0}},
        "per-image": {"title": "ranked within images", "classification": {"per_image": True}},
    },
}
