"""Varifocal loss: cross entropy with the IoU as label, which down-weights negatives only.

H. Zhang, Y. Wang, F. Dayoub, N. Sünderhauf: VarifocalNet: An IoU-aware Dense Object Detector,
CVPR 2021.
"""

CARD = {
    "name": "vfl",
    "title": "Varifocal Loss",
    "paper": "VarifocalNet: An IoU-aware Dense Object Detector",
    "authors": "H. Zhang, Y. Wang, F. Dayoub, N. Sünderhauf",
    "citation": "Zhang et al., CVPR 2021",
    "url": "https://arxiv.org/abs/2008.13367",
    "classification": {"type": "VarifocalLoss", "alpha": 0.75, "gamma": 2.0},
    # As in the released code: each positive's GIoU is weighted by its IoU.
    "box": {"type": "giou", "weighting": "iou", "weight": 2.0},
    "balance": {"type": "none"},
    "head": {"centerness": False},
    # Full: for 32 images, linear from the paper's .01 for 16.
    "training": {"lr": {"small": 0.02, "full": 0.02}},
    "test": {"score_threshold": 0.05, "nms_iou": 0.6},
    "hyperparameters": ["alpha", "gamma", "box weight"],
    "variants": {
        "unweighted": {"title": "boxes not weighted", "box": {"weighting": "none"}},
        # The paper's ablation: positives are not weighted by their IoU in the cross entropy.
        "plain": {"title": "positives not weighted", "classification": {"iou_weighted": False}},
    },
}
