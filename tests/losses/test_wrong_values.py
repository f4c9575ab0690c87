"""Wrong labels are an error in one line, not a loss of 0."""

import math

import pytest
import torch

from rankdet.losses import Balance, Criterion, NDCGLoss, build_box, functional
from rankdet.losses.modules import RankSortLoss

LOGITS = torch.tensor([2.0, 1.0, 0.0, -1.0])
LABELS = torch.tensor([1, 0, 1, 0])
ONE_LABEL_A_LOGIT = {
    "ap": functional.ap_loss,
    "alrp": lambda x, y: functional.alrp_loss(x, y, torch.zeros(2)),
    "ape": lambda x, y: functional.ape_loss(x, y, torch.ones(2)),
    "pairwise": functional.pairwise_error_loss,
    "sigmoid": lambda x, y: functional.pairwise_error_loss(x, y, distance="sigmoid"),
    "ndcg": functional.ndcg_loss,
    "dr": functional.dr_loss,
    "module": lambda x, y: NDCGLoss()(x, y),
}
every = pytest.mark.parametrize("loss", ONE_LABEL_A_LOGIT.values(), ids=ONE_LABEL_A_LOGIT)


@pytest.mark.fault("wrong or missing label or IoU target of a loss")
@every
@pytest.mark.parametrize(
    ("labels", "said"),
    [(LABELS * 2, "value 2;"), (LABELS * 0.7, "value 0.7;"), (LABELS - 3.0, "value -3;")],
    ids=["class index", "probability", "too low"],
)
def test_other_labels_are_named(loss, labels, said):
    with pytest.raises(ValueError, match=said) as caught:
        loss(LOGITS, labels)
    assert "\n" not in str(caught.value)


@every
@pytest.mark.parametrize("dtype", [torch.bool, torch.int8, torch.int32, torch.float32])
def test_labels_of_every_dtype_give_the_same(loss, dtype):
    def value(labels):
        made = loss(LOGITS, labels)
        return (made if isinstance(made, torch.Tensor) else made[0]).item()

    assert value(LABELS.to(dtype)) == value(LABELS)


@pytest.mark.fault("wrong or missing label or IoU target of a loss")
@every
def test_a_missing_label_is_named(loss):
    with pytest.raises(ValueError, match="3 labels for 4 logits"):
        loss(LOGITS, LABELS[:3])


@pytest.mark.fault("wrong or missing label or IoU target of a loss")
@pytest.mark.parametrize("value", [math.nan, 1.5, -2.0])
def test_other_targets_are_named(value):
    with pytest.raises(ValueError, match=f"targets have the value {value:g};"):
        functional.rank_sort_loss(LOGITS, torch.tensor([value, 0.0, 0.5, 0.0]))


def test_a_criterion_shows_a_nan_box_in_the_box_loss():
    boxes = torch.tensor([[0.0, 0, 4, 4], [1, 1, 5, math.nan]])
    criterion = Criterion(RankSortLoss(), build_box({"type": "giou"}), Balance())
    labels = torch.tensor([0, 1, 0, 1])
    losses = criterion(LOGITS[:, None], labels, torch.zeros(4, dtype=torch.bool), boxes, boxes)
    assert losses["loss_bbox"].isnan()
