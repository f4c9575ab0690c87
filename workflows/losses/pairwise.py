"""Pairwise error: AP Loss as a sum over pairs, with a choice of distance and balance.

D. Xu, J. Deng, W. Li: Revisiting AP Loss for Dense Object Detection: Adaptive Ranking Pair
Selection, CVPR 2022, sections 4 and 5. The card without variants is the baseline of Tables 2 to 4:
a sigmoid distance with error-driven update, balanced by the rank.
"""

CARD = {
    "name": "pairwise",
    "title": "Pairwise Error",
    "paper": "Revisiting AP Loss for Dense Object Detection: Adaptive Ranking Pair Selection",
    "authors": "Dongli Xu, Jinhong Deng, Wen Li",
    "citation": "Xu et al., CVPR 2022",
    "url": "https://arxiv.org/abs/2207.12042",
    "classification": {
        "type": "PairwiseErrorLoss",
        "distance": "sigmoid",
        "balance": "rank",
        "delta": 0.5,
        "scale": 8.0,
    },
    "box": {"type": "giou", "weight": 2.0, "weighting": "score"},
    "balance": {"type": "none"},
    "head": {"centerness": False},
    # Full: for 32 images, linear from the paper's .004 for 16.
    "training": {"lr": {"small": 0.01, "full": 0.008}},
    "test": {"score_threshold": 0.15, "nms_iou": 0.6},
    "hyperparameters": ["scale", "box weight"],
    "collapse_above": 0.97,
    "variants": {
        # Table 1: the distance (without variant: S with error-driven update).
        "step": {
            "title": "H(·)",
            "classification": {"distance": "step"},
            "hyperparameters": ["delta", "box weight"],
        },
        "cross-entropy": {
            "title": "CE(S(·), 0)",
            "classification": {"distance": "cross_entropy"},
        },
        # Table 2: the balance constant (without variant: rank⁺ + rank⁻).
        "negatives": {
            "title": "balanced by N_neg",
            "classification": {"balance": "negatives"},
            "hyperparameters": ["scale", "threshold", "box weight"],
        },
        "scale1": {"title": "λ = 1", "classification": {"scale": 1.0}},
        "scale2": {"title": "λ = 2", "classification": {"scale": 2.0}},
        "scale4": {"title": "λ = 4", "classification": {"scale": 4.0}},
        "scale16": {"title": "λ = 16", "classification": {"scale": 16.0}},
        "per-image": {"title": "ranked within images", "classification": {"per_image": True}},
    },
}
