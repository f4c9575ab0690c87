"""<Your loss in one sentence>.

Copy this file to `workflows/losses/<name>.py` and add `<name>` to `losses` of a study:
`snakemake --cores all` then trains it. You do not need to edit any other file. A file whose name
begins with an underscore is not a loss.

A loss file has this docstring (cite the source), a literal `CARD`, and your class, unless the class
is in `rankdet.losses`. `CARD` is read without running the file, so it has only text, numbers,
lists and dicts.
"""

import torch
from torch import Tensor, nn

CARD = {
    "name": "template",  # the file's name without .py
    "title": "My Loss",  # for reports
    # The source, for the references of reports; without it a report lists none for this loss.
    # "paper": "Title of the paper",
    # "authors": "A. Author, B. Author",
    # "citation": "Author et al., venue year",
    # "url": "https://example.org/paper",
    # The classification part: a class of this file, of rankdet.losses, or of mmdet's baselines
    # (rankdet/detectors/baselines.py). The other keys are its arguments.
    "classification": {"type": "MyLoss", "gamma": 1.0},
    # The box part: type giou, iou, l1, smooth_l1; weighting none, centerness, score, iou, ranking.
    "box": {"type": "giou", "weight": 2.0},
    # The weight of the box part during training: none, constant, self-epoch, self-iteration or
    # gradient-magnitude.
    "balance": {"type": "none"},
    "head": {"centerness": False},
    # Two-stage detectors. By default RPN (with weight .2) and box heads are trained by the parts
    # above, without samplers, and masks by mmdet's loss.
    "rpn": {"weight": 0.2, "sampler": "none"},
    "rcnn": {"sampler": "none", "test": {"score_threshold": 0.05}},
    "mask": {"balance": {"type": "none"}},
    # The learning rate for each preset of the detectors; a study may set another one. If it is from
    # `rankdet tune`, name its record here: "tuned": "data/tuned/<study>.json".
    "training": {"lr": {"small": 0.01, "full": 0.01}},
    "test": {"score_threshold": 0.05, "nms_iou": 0.5},
    # The hyperparameters to tune; those of the box part begin with "box".
    "hyperparameters": ["gamma", "box weight"],
    # Detectors (or families) that this loss cannot train, with the reason for the error message.
    "not_with": {},
    # `template+sharp` is this card with these keys merged in. A part with another type replaces
    # the part of the card.
    "variants": {"sharp": {"title": "γ = 4", "classification": {"gamma": 4.0}}},
}


class MyLoss(nn.Module):
    """Cross entropy with a focusing exponent, divided by the number of positives.

    Args:
        gamma: Focusing exponent, >= 0.
    """

    def __init__(self, gamma: float = 1.0) -> None:
        super().__init__()
        self.gamma = gamma

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Returns the classification loss, a scalar that is connected to `logits`.

        Args:
            logits: (A·C,) float, every class of every anchor of the batch.
            labels: (A·C,) 1 positive, 0 negative, -1 ignored. Training passes int8.
        """
        counted = labels >= 0
        agreement = torch.where(labels == 1, logits, -logits)[counted].float()
        entropy = nn.functional.softplus(-agreement) * (-agreement).sigmoid() ** self.gamma
        return entropy.sum() / (labels == 1).sum().clamp(min=1)

    # A loss that needs IoUs or boxes has a method `terms`, which training then calls with a
    # `rankdet.losses.FlatProblem`: `flat_logits`, `flat_labels`, and for the P positives `ious`,
    # `box_errors`, `pred_boxes`, `target_boxes`, `positive_logits`. It returns losses by name;
    # without "loss_bbox" the box part of the card adds it. For example:
    #
    # def terms(self, problem):
    #     loss = self(problem.flat_logits, problem.flat_labels)
    #     return {"loss_cls": loss, "loss_quality": (1 - problem.ious).sum() / problem.avg_factor}
