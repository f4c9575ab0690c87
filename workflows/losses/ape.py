"""APE Loss: cross entropy of ranking pairs, in which positives of worse boxes count as negatives.

D. Xu, J. Deng, W. Li: Revisiting AP Loss for Dense Object Detection: Adaptive Ranking Pair
Selection, CVPR 2022.
"""

CARD = {
    "name": "ape",
    "title": "APE Loss",
    "paper": "Revisiting AP Loss for Dense Object Detection: Adaptive Ranking Pair Selection",
    "authors": "Dongli Xu, Jinhong Deng, Wen Li",
    "citation": "Xu et al., CVPR 2022",
    "url": "https://arxiv.org/abs/2207.12042",
    "classification": {"type": "APELoss", "scale": 8.0, "max_negatives": 1_000_000},
    "box": {"type": "giou", "weight": 2.0, "weighting": "score"},
    "balance": {"type": "none"},
    "head": {"centerness": False},
    # Full: for 32 images, linear from the paper's .004 for 16 (RetinaNet at 512 px).
    "training": {
        "tuned": "data/tuned/claims-shapes.json",
        "lr": {"small": 0.01, "full": 0.008},
    },
    "test": {"score_threshold": 0.15, "nms_iou": 0.6},
    "hyperparameters": ["scale", "max negatives", "box weight"],
    "variants": {
        # As in the released code: pairs with very different scores saturate and have no gradient.
        "official": {"title": "released numerics", "classification": {"numerics": "official"}},
        # λ; the paper varies it in an appendix that was not published.
        "scale1": {"title": "λ = 1", "classification": {"scale": 1.0}},
        "scale2": {"title": "λ = 2", "classification": {"scale": 2.0}},
        "scale4": {"title": "λ = 4", "classification": {"scale": 4.0}},
        "scale16": {"title": "λ = 16", "classification": {"scale": 16.0}},
        # Q: 1,000,000 in most released configurations and on RetinaNet in the text, else 100,000.
        "q1k": {"title": "Q = 1,000", "classification": {"max_negatives": 1_000}},
        "q10k": {"title": "Q = 10,000", "classification": {"max_negatives": 10_000}},
        "q100k": {"title": "Q = 100,000", "classification": {"max_negatives": 100_000}},
        # The text names the weighting by score for FCOS alone; the released code always has it.
        "unweighted": {"title": "GIoU not weighted", "box": {"weighting": "none"}},
        # At 800 px: another rate (.01 for 16 images), Q of the released configurations.
        "fcos": {
            "title": "the paper's settings on FCOS",
            "classification": {"max_negatives": 100_000},
            "training": {"lr": {"full": 0.02}},
        },
        # PAA's candidates clustered by one of the two normalised scores (section 7.2).
        "score-alone": {
            "title": "clustered by score alone",
            "head": {"clustering": "score-alone"},
        },
        "iou-alone": {"title": "clustered by IoU alone", "head": {"clustering": "iou-alone"}},
        "per-image": {"title": "ranked within images", "classification": {"per_image": True}},
    },
}
