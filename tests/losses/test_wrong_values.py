"""Wrong labels are an error in one line, not a loss of 0."""

import math

import pytest
import torch

from rankdet.losses import (
    ALRPLoss,
    Balance,
    Criterion,
    NDCGLoss,
    RankSortLoss,
    build_box,
    flat_labels,
    functional,
)

LOGITS = torch.tensor([2.0, 1.0, 0.0, -1.0])
LABELS = torch.tensor([1, 0, 1, 0])
ONE_LABEL_A_LOGIT = {
    "ap": functional.ap_loss,
    "alrp": lambda x, y, **o: functional.alrp_loss(x, y, torch.zeros(2), **o),
    "ape": lambda x, y, **o: functional.ape_loss(x, y, torch.ones(2), **o),
    "pairwise": functional.pairwise_error_loss,
    "sigmoid": lambda x, y, **o: functional.pairwise_error_loss(x, y, distance="sigmoid", **o),
    "ndcg": functional.ndcg_loss,
    "dr": functional.dr_loss,
    "module": lambda x, y, **o: NDCGLoss()(x, y, **o),
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


def total(made):
    return (made if isinstance(made, torch.Tensor) else sum(made)).item()


@every
@pytest.mark.parametrize(
    "dtype", [torch.bool, torch.uint8, torch.int8, torch.int32, torch.float16, torch.float32]
)
@pytest.mark.parametrize("group", [None, torch.tensor([0, 0, 1, 1])], ids=["batch", "groups"])
def test_labels_of_every_dtype_give_the_same(loss, dtype, group):
    expected = total(loss(LOGITS, LABELS, group=group))
    assert total(loss(LOGITS, LABELS.to(dtype), group=group)) == expected


@pytest.mark.fault("wrong or missing label or IoU target of a loss")
@every
def test_a_missing_label_is_named(loss):
    with pytest.raises(ValueError, match="3 labels for 4 logits"):
        loss(LOGITS, LABELS[:3])


@pytest.mark.fault("wrong or missing label or IoU target of a loss")
@every
def test_one_value_per_row_of_the_logits_has_a_hint(loss):
    """Class indices, and one group per anchor, are the most frequent mistakes."""
    logits, rows = torch.zeros(2, 3), torch.tensor([1, 0])
    said = (
        r"2 labels for 6 logits of shape \(2, 3\); .* class indices use flat_labels\(classes, 3\)$"
    )
    with pytest.raises(ValueError, match=said):
        loss(logits, rows)
    said = r"2 group indices for 6 logits of shape \(2, 3\); .* group\.repeat_interleave\(3\)$"
    with pytest.raises(ValueError, match=said):
        loss(logits, torch.tensor([[0, 1, 0], [1, 0, 0]]), group=rows)
    with pytest.raises(ValueError, match=r"4 group indices for 6 logits; give one per logit$"):
        loss(logits, torch.tensor([[0, 1, 0], [1, 0, 0]]), group=torch.zeros(4, dtype=torch.int64))


@pytest.mark.fault("wrong or missing label or IoU target of a loss")
def test_one_target_per_row_of_the_logits_has_a_hint():
    with pytest.raises(ValueError, match=r"^2 targets for 6 logits .*flat_labels\(classes, 3\)"):
        functional.rank_sort_loss(torch.zeros(2, 3), torch.tensor([0.5, 0.7]))


def test_the_hints_lead_to_input_that_is_taken():
    logits, classes = torch.zeros(2, 3), torch.tensor([1, 3])
    group = torch.tensor([0, 1]).repeat_interleave(3)
    assert functional.ap_loss(logits, flat_labels(classes, 3), group=group) > 0


@pytest.mark.fault("wrong or missing label or IoU target of a loss")
@pytest.mark.parametrize("value", [math.nan, 1.5, -2.0, -0.5, -1e-4])
def test_other_targets_are_named(value):
    with pytest.raises(ValueError, match=f"targets have the value {value:g};"):
        functional.rank_sort_loss(LOGITS, torch.tensor([value, 0.0, 0.5, 0.0]))


@pytest.mark.fault("wrong or missing label or IoU target of a loss")
@pytest.mark.parametrize("value", [math.nan, 1.5, -0.5, math.inf])
def test_other_ious_are_named(value):
    with pytest.raises(ValueError, match=f"ious have the value {value:g};"):
        functional.ape_loss(LOGITS, LABELS, torch.tensor([0.5, value]))


@pytest.mark.fault("wrong or missing label or IoU target of a loss")
@pytest.mark.parametrize("loss", [functional.alrp_loss, ALRPLoss()], ids=["function", "module"])
@pytest.mark.parametrize("value", [math.nan, -0.5, math.inf])
def test_other_localisation_errors_are_named(loss, value):
    with pytest.raises(ValueError, match=f"loc_errors have the value {value:g};"):
        loss(LOGITS, LABELS, torch.tensor([0.5, value]))


def test_a_module_knows_the_largest_localisation_error():
    errors = torch.tensor([0.5, 2.5])  # IoU -.25 with tau .5, but possible with tau .7
    with pytest.raises(ValueError, match=r"2\.5; use localisation errors in \[0, 2\]"):
        ALRPLoss(tau=0.5)(LOGITS, LABELS, errors)
    for loss in (ALRPLoss(tau=0.7), functional.alrp_loss):
        assert loss(LOGITS, LABELS, errors)[1] > 0


def test_rounding_of_ious_is_no_error():
    over = torch.tensor([1 + 1e-6, -1e-6])
    assert functional.ape_loss(LOGITS, LABELS, over).isfinite()
    assert functional.alrp_loss(LOGITS, LABELS, 1 - over)[1].isfinite()
    assert functional.rank_sort_loss(LOGITS, LABELS * over[0])[0].isfinite()


@pytest.mark.parametrize(
    "loss",
    [
        lambda values: functional.ape_loss(LOGITS, LABELS, values, max_positives=3),
        lambda values: functional.alrp_loss(LOGITS, LABELS, values, max_positives=3)[1],
    ],
    ids=["ape", "alrp"],
)
def test_padding_after_the_positives_is_not_checked(loss):
    assert loss(torch.tensor([0.5, 0.7, -3.0])).isfinite()
    with pytest.raises(ValueError, match="value nan"):
        loss(torch.tensor([0.5, math.nan, 0.7]))


def test_another_arrangement_of_the_labels_is_named():
    with pytest.raises(ValueError, match=r"labels of shape \(4, 2\) for logits of shape \(2, 4\)"):
        functional.ap_loss(torch.zeros(2, 4), torch.zeros(4, 2))


@every
def test_on_a_gpu_values_are_checked_on_request_only(loss, monkeypatch):
    monkeypatch.setattr("rankdet.losses.device.on_cpu", lambda values: False)
    labels = torch.tensor([1, 0, 1, -5])
    assert not math.isnan(total(loss(LOGITS, labels)))
    monkeypatch.setenv("RANKDET_CHECKS", "on")
    with pytest.raises(ValueError, match="value -5;"):
        loss(LOGITS, labels)


def test_checks_can_be_turned_off(monkeypatch):
    monkeypatch.setenv("RANKDET_CHECKS", "off")
    assert functional.ap_loss(LOGITS, LABELS * 2).item() == 0
    monkeypatch.setenv("RANKDET_CHECKS", "never")
    with pytest.raises(ValueError, match="RANKDET_CHECKS is 'never'; use auto, on or off"):
        functional.ap_loss(LOGITS, LABELS)


def test_an_empty_variable_counts_as_not_set(monkeypatch):
    expected = functional.ap_loss(LOGITS, LABELS)
    monkeypatch.setenv("RANKDET_CHECKS", "")
    monkeypatch.setenv("RANKDET_KERNELS", "")
    assert functional.ap_loss(LOGITS, LABELS) == expected
    with pytest.raises(ValueError, match="value 2"):
        functional.ap_loss(LOGITS, LABELS * 2)


def test_a_criterion_shows_a_nan_box_in_the_box_loss():
    boxes = torch.tensor([[0.0, 0, 4, 4], [1, 1, 5, math.nan]])
    criterion = Criterion(RankSortLoss(), build_box({"type": "giou"}), Balance())
    labels = torch.tensor([0, 1, 0, 1])
    losses = criterion(LOGITS[:, None], labels, torch.zeros(4, dtype=torch.bool), boxes, boxes)
    assert losses["loss_bbox"].isnan()
