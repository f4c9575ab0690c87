"""NDCG Loss: normalised discounted cumulative gain by error-driven update.

K. Oksuz, B. C. Cam, E. Akbas, S. Kalkan: A Ranking-based, Balanced Loss Function Unifying
Classification and Localisation in Object Detection, NeurIPS 2020, appendix D. The paper derives
it but trains no detector with it. The learning rate is that of AP Loss.
"""

CARD = {
    "name": "ndcg",
    "title": "NDCG Loss",
    "paper": "A Ranking-based, Balanced Loss Function Unifying Classification and Localisation in "
    "Object Detection",
    "authors": "Kemal Oksuz, Baris Can Cam, Emre Akbas, Sinan Kalkan",
    "citation": "Oksuz et al., NeurIPS 2020, appendix D",
    "url": "https://arxiv.org/abs/2009.13592",
    "classification": {"type": "NDCGLoss", "delta": 1.0},
    "box": {"type": "giou", "weight": 2.0},
    "balance": {"type": "none"},
    "head": {"centerness": False},
    "training": {"lr": {"small": 0.01, "full": 0.002}},  # full: as AP Loss, for 32 images
    "test": {"score_threshold": 0.01, "nms_iou": 0.5},
    "hyperparameters": ["delta", "box weight"],
    "variants": {
        "delta0.5": {"title": "δ = .5", "classification": {"delta": 0.5}},
        "per-image": {"title": "ranked within images", "classification": {"per_image": True}},
    },
}
