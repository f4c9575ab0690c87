"""DR Loss: rank the expected score of the positives above that of the negatives.

Q. Qian, L. Chen, H. Li, R. Jin: DR Loss: Improving Object Detection by Distributional Ranking,
CVPR 2020.
"""

CARD = {
    "name": "dr",
    "title": "DR Loss",
    "paper": "DR Loss: Improving Object Detection by Distributional Ranking",
    "authors": "Q. Qian, L. Chen, H. Li, R. Jin",
    "citation": "Qian et al., CVPR 2020",
    "url": "https://arxiv.org/abs/1907.10156",
    # Ranked within each image, as in the paper.
    "classification": {"type": "DRLoss", "margin": 0.5, "weight": 4.0, "per_image": True},
    # A mean over the four coordinates (hence a quarter) of the deltas normalised as in Fast R-CNN.
    "box": {"type": "smooth_l1", "weight": 0.25, "beta": 0.1111111111111111},
    "balance": {"type": "none"},
    "head": {
        "centerness": False,
        "bbox_coder": {
            "type": "DeltaXYWHBBoxCoder",
            "target_means": [0.0, 0.0, 0.0, 0.0],
            "target_stds": [0.1, 0.1, 0.2, 0.2],
        },
    },
    # Full: for 32 images, linear from .01 for 16.
    "training": {"lr": {"small": 0.01, "full": 0.02}},
    "test": {"score_threshold": 0.05, "nms_iou": 0.5},
    "hyperparameters": [
        "positive scale",
        "negative scale",
        "smoothness",
        "box weight",
        "box beta",
    ],
    "variants": {
        "giou": {"title": "GIoU", "box": {"type": "giou", "weight": 2.0}},
        "tau40": {"title": "τ = 40", "classification": {"weight": 40.0}},
        "whole-batch": {"title": "whole batch", "classification": {"per_image": False}},
    },
}
