"""Quality focal loss: focal loss whose positive label is the IoU of the predicted box.

X. Li, W. Wang, L. Wu, S. Chen, X. Hu, J. Li, J. Tang, J. Yang: Generalized Focal Loss: Learning
Qualified and Distributed Bounding Boxes for Dense Object Detection, NeurIPS 2020.
"""

CARD = {
    "name": "qfl",
    "title": "Quality Focal Loss",
    "paper": "Generalized Focal Loss: Learning Qualified and Distributed Bounding Boxes for Dense "
    "Object Detection",
    "authors": "X. Li, W. Wang, L. Wu, S. Chen, X. Hu, J. Li, J. Tang, J. Yang",
    "citation": "Li et al., NeurIPS 2020",
    "url": "https://arxiv.org/abs/2006.04388",
    "classification": {"type": "QualityFocalLoss", "beta": 2.0},
    # As in the released code: each positive's GIoU is weighted by its largest score.
    "box": {"type": "giou", "weighting": "score", "weight": 2.0},
    "balance": {"type": "none"},
    "head": {"centerness": False},
    # Full: for 32 images, linear from the paper's .01 for 16.
    "training": {"lr": {"small": 0.01, "full": 0.02}},
    "test": {"score_threshold": 0.05, "nms_iou": 0.6},
    "hyperparameters": ["beta", "box weight"],
    "variants": {
        "unweighted": {"title": "boxes not weighted", "box": {"weighting": "none"}},
        "beta1": {"title": "β = 1", "classification": {"beta": 1.0}},
    },
}
