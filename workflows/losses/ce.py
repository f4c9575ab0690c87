"""Cross entropy of every class's sigmoid, without sampling: the baseline of focal loss.

T.-Y. Lin, P. Goyal, R. Girshick, K. He, P. Dollár: Focal Loss for Dense Object Detection,
ICCV 2017, section 3.1.
"""

CARD = {
    "name": "ce",
    "title": "Cross Entropy",
    "paper": "Focal Loss for Dense Object Detection",
    "authors": "T.-Y. Lin, P. Goyal, R. Girshick, K. He, P. Dollár",
    "citation": "Lin et al., ICCV 2017",
    "url": "https://arxiv.org/abs/1708.02002",
    "classification": {"type": "SigmoidCrossEntropyLoss"},
    "box": {"type": "giou", "weight": 2.0},
    "balance": {"type": "none"},
    "head": {"centerness": True},
    # Two-stage detectors: a softmax over classes and background, GIoU of weight 10 (aLRP Loss,
    # appendix F); the RPN is mmdet's. With `l1` the whole detector is mmdet's.
    "rcnn": {"classification": {"type": "SoftmaxCrossEntropyLoss"}, "box": {"weight": 10.0}},
    # Full: for 32 images, linear from the paper's .01 for 16.
    "training": {
        "tuned": "data/tuned/claims-shapes.json",
        "lr": {"small": 0.02, "full": 0.02},
        # Full: .04 for 32 images (aLRP Loss, appendix F).
        "lr_by_detector": {
            "faster-rcnn": {"small": 0.02, "full": 0.04},
            "cascade-rcnn": {"small": 0.02, "full": 0.04},
            "mask-rcnn": {"small": 0.02, "full": 0.04},
        },
    },
    "test": {"score_threshold": 0.05, "nms_iou": 0.5},
    "hyperparameters": ["box weight"],
    "variants": {
        # α-balanced (section 3.1, Table 1a): positives count .75, negatives .25.
        "balanced": {
            "title": "α-balanced",
            "classification": {"type": "SigmoidFocalLoss", "alpha": 0.75, "gamma": 0.0},
            "hyperparameters": ["alpha", "box weight"],
        },
        "centerness": {
            "title": "GIoU weighted by centre-ness",
            "box": {"weighting": "centerness"},
        },
        "l1": {
            "title": "L1",
            "box": {"type": "l1", "weight": 1.0},
            "rcnn": {"box": {"type": "stock"}},
        },
        "smooth-l1": {
            "title": "smooth L1",
            "box": {"type": "smooth_l1", "weight": 1.0},
            "rcnn": {"box": {"weight": 1.0}},
            "hyperparameters": ["box weight", "box beta"],
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
