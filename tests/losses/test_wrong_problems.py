"""Wrong input of a criterion, a problem, boxes, balances and class indices: one line each."""

import warnings

import pytest
import torch
from torch import nn

from rankdet.losses import (
    APLoss,
    Balance,
    BoxLoss,
    Criterion,
    FlatProblem,
    GradientMagnitudeBalance,
    RankSortLoss,
    SelfBalanceEpoch,
    SelfBalanceIteration,
    build_balance,
    build_box,
    flat_labels,
    pairwise_giou,
    pairwise_iou,
)
from tests.waits import Watch

BOXES = torch.tensor([[0.0, 0, 8, 8], [1, 1, 5, 9]])
RIGHT = {
    "logits": torch.linspace(-1, 1, 18).reshape(6, 3),
    "labels": torch.tensor([0, 3, 3, 2, -1, 3]),
    "ignore": torch.tensor([0, 0, 0, 0, 1, 0]).bool(),
    "pred_boxes": BOXES + torch.tensor([0.0, 0, 1, 1]),
    "target_boxes": BOXES,
}


def losses_of(**changes):
    criterion = Criterion(RankSortLoss(), build_box({"type": "giou"}), build_balance({}))
    return criterion(**(RIGHT | changes))


def line(call, *args, **options):
    with pytest.raises((TypeError, ValueError, RuntimeError)) as caught:
        call(*args, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def changed(name, row, value):
    values = RIGHT[name].clone()
    values[row] = value
    return {name: values}


WRONG = {
    "class -1": (
        changed("labels", 2, -1),
        "class -1 of 3 classes at position 2; use 0 to 2, 3 for background, and set `ignore` "
        "where an anchor is ignored",
    ),
    "class 7": (changed("labels", 1, 7), "class 7 of 3 classes at position 1; use 0 to 2, 3 for"),
    "floating labels": (
        {"labels": RIGHT["labels"].float()},
        "labels are torch.float32; give a tensor of class indices",
    ),
    "rows of labels": (
        {"labels": torch.zeros(6, 3, dtype=torch.int64)},
        "labels: found the shape (6, 3); give (6,), one value for each row of the logits",
    ),
    "flat logits": ({"logits": torch.zeros(18)}, "logits have the shape (18,); give (A, C)"),
    "no class": ({"logits": torch.zeros(6, 0)}, "logits have the shape (6, 0); give (A, C)"),
    "list": ({"logits": [[0.0]]}, "logits are a list; give a tensor"),
    "integer mask": ({"ignore": RIGHT["ignore"].int()}, "ignore is torch.int32; give a tensor of"),
    "fewer predictions": (
        {"pred_boxes": BOXES[:1]},
        "pred_boxes have 1 row, but 2 labels are positive (a class below C, not ignored); give",
    ),
    "fewer targets": (
        {"target_boxes": BOXES[:1]},
        "target_boxes have 1 row, but 2 labels are positive",
    ),
    "more of both": (
        {"pred_boxes": BOXES.repeat(2, 1), "target_boxes": BOXES[[0, 1, 1]]},
        "pred_boxes have 4 rows and target_boxes have 3 rows, but 2 labels are positive",
    ),
    "fewer boxes": (
        {"pred_boxes": BOXES[:1], "target_boxes": BOXES[:1]},
        "pred_boxes have 1 row and target_boxes have 1 row, but 2 labels are positive",
    ),
    "flat boxes": ({"pred_boxes": BOXES.reshape(-1)}, "pred_boxes: found the shape (8,); give (P"),
    "list of boxes": ({"target_boxes": BOXES.tolist()}, "target_boxes are a list; give a tensor"),
    "swapped corners": (
        {"target_boxes": BOXES[:, [2, 3, 0, 1]]},
        "target box 0 is (8, 8, 0, 0), with x2 < x1 or y2 < y1; give x1, y1, x2, y2",
    ),
    "another device": ({"labels": RIGHT["labels"].to("meta")}, "labels are on meta, but other"),
    "list of extras": ({"extras": [1]}, "extras are a list; give a dict of tensors"),
    "column of an extra": (
        {"extras": {"centerness_targets": torch.ones(2, 1)}},
        "extras['centerness_targets']: found the shape (2, 1); give (2,), one row for each",
    ),
    "images of too few": (
        {"extras": {"image_index": torch.zeros(5, dtype=torch.int64)}},
        "extras['image_index']: found the shape (5,); give (6,), one row for each anchor",
    ),
    "floating images": ({"extras": {"image_index": torch.ones(6)}}, "extras['image_index'] is"),
    "divisor 0": ({"extras": {"avg_factor": torch.tensor(0)}}, "extras['avg_factor'] is 0.0; give"),
    "mask of positives": (
        {"extras": {"positives": RIGHT["labels"] < 3}},
        "extras['positives'] is torch.bool; give a tensor of integers",
    ),
}
WRONG |= {
    f"near {key}": (
        {"extras": {key: torch.ones(2)}},
        f"extras have {key!r}, which nothing reads; did you mean {meant!r}?",
    )
    for key, meant in {
        "pred_delta": "pred_deltas",
        "image_idx": "image_index",
        "average_factor": "avg_factor",
        "anchor": "anchors",
    }.items()
}
WRONG |= {
    f"positives {rows}": ({"extras": {"positives": torch.tensor(rows)}}, "are other rows than")
    for rows in ([0, 9], [0, 1], [-1, 0], [0, 4], [3, 0], [0, 0])
}


@pytest.mark.fault("wrong input of a criterion")
@pytest.mark.parametrize(("wrong", "said"), WRONG.values(), ids=WRONG)
def test_wrong_input_of_a_criterion_is_named(wrong, said):
    assert said in line(losses_of, **wrong)


@pytest.mark.parametrize("name", ["depth", "my_masks", "image_size", "scores", "images"])
def test_extras_may_have_entries_of_ones_own(name):
    class Own(APLoss):
        def terms(self, problem):
            return {"loss_cls": problem.logits.sum() * problem.extras[name]}

    criterion = Criterion(Own(), build_box({"type": "iou"}), build_balance({}))
    assert criterion(**RIGHT, extras={name: 0.0})["loss_cls"] == 0


def test_an_entry_beside_the_known_one_is_no_slip():
    images = torch.zeros(6, dtype=torch.int64)
    found = losses_of(extras={"image_index": images, "image_ids": images})
    assert found["loss_rank"] == losses_of()["loss_rank"]


@pytest.mark.fault("wrong input of a criterion")
@pytest.mark.parametrize(
    ("loss", "box", "said"),
    [
        (APLoss(), {"type": "l1"}, "l1 needs 'pred_deltas' (P, 4), one row for each positive; "),
        (APLoss(), {"type": "dice"}, "dice needs 'dice' (P,), one row for each positive; pass"),
        (APLoss(), {"weighting": "centerness"}, "centerness weighting needs 'centerness_targets'"),
        (APLoss(per_image=True), {}, "per_image=True needs 'image_index' (A,); pass it in `extras"),
        (RankSortLoss(labels="dice"), {}, "labels 'dice' need the Dice coefficients of masks; pa"),
    ],
)
def test_a_missing_extra_is_asked_of_the_caller(loss, box, said):
    """In one's own loop there is no detector that could provide it."""
    found = line(Criterion(loss, build_box(box), build_balance({})), **RIGHT, extras={"depth": 1})
    assert found.startswith(said) and "`extras=`" in found and "detector does not" not in found


@pytest.mark.fault("wrong input of a criterion")
@pytest.mark.parametrize("kind", [nn.BCEWithLogitsLoss, nn.MSELoss, nn.HuberLoss])
def test_a_loss_of_pytorch_is_no_classification_part(kind):
    """MSELoss would take the labels, and train ignored anchors towards -1."""
    found = line(Criterion, kind(), BoxLoss(), Balance())
    assert found.startswith(f"classification is {kind.__name__} of PyTorch, but labels are int8: 1")
    assert "labels.float()" in found


@pytest.mark.fault("wrong input of a criterion")
def test_a_part_that_cannot_compute_with_int8_is_named():
    class Entropy(nn.Module):
        def forward(self, logits, labels):
            return nn.functional.binary_cross_entropy_with_logits(logits, labels)

    class Broken(nn.Module):
        def forward(self, logits, labels):
            raise RuntimeError("no Char here")

    found = line(Criterion(Entropy(), BoxLoss(), Balance()), **RIGHT)
    assert found.startswith("Entropy cannot compute with labels of int8 (")
    assert found.endswith("leave out the labels -1 and use labels.float()")
    with pytest.raises(RuntimeError, match=r"^no Char here$"):
        Criterion(Broken(), BoxLoss(), Balance())(**RIGHT)


def test_on_a_gpu_boxes_of_different_numbers_are_named_without_a_wait(monkeypatch):
    monkeypatch.setattr("rankdet.losses.device.on_cpu", lambda values: False)
    assert line(losses_of, pred_boxes=BOXES[:1]) == (
        "pred_boxes have 1 row, target_boxes 2; give both one row for each positive label"
    )


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32])
def test_classes_of_every_integer_dtype_give_the_same(dtype):
    """As a mask, uint8 indices would choose other logits."""
    changes = {"labels": RIGHT["labels"].clamp(min=0).to(dtype)}
    for name, value in losses_of().items():
        assert losses_of(**changes)[name] == value
    positives = {"extras": {"positives": torch.tensor([0, 3]).to(dtype)}}
    assert losses_of(**positives)["loss_rank"] == losses_of()["loss_rank"]


def test_swapped_corners_of_a_prediction_are_one_warning_and_count_as_no_area():
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("default")
        losses = losses_of(pred_boxes=BOXES[:, [2, 3, 0, 1]])
    assert [str(one.message)[:40] for one in found] == [
        "predicted boxes with x2 < x1 or y2 < y1: t"[:40]
    ]
    assert losses["loss_bbox"].isfinite()
    with pytest.warns(UserWarning, match="their area and their IoU count as 0"):
        assert pairwise_iou(BOXES[:, [2, 3, 0, 1]], BOXES).tolist() == [0, 0]


@pytest.mark.parametrize("overlap", [pairwise_iou, pairwise_giou])
def test_wrong_boxes_are_named(overlap):
    assert line(overlap, BOXES, BOXES[:1]).startswith(
        "targets: found the shape (1, 4); give (2, 4)"
    )
    assert line(overlap, BOXES[0], BOXES[0]).startswith("boxes: found the shape (4,); give (P, 4)")
    assert line(overlap, BOXES.tolist(), BOXES).startswith("boxes are a list; give a tensor")
    assert line(overlap, BOXES, BOXES.to(torch.complex64)).startswith("targets are torch.complex64")
    assert overlap(BOXES.int(), BOXES).tolist() == [1, 1]


def test_a_criterion_checks_without_making_a_gpu_wait(monkeypatch):
    """The values are checked on request only; the classes, corners and positives are wrong here."""
    monkeypatch.setattr("rankdet.losses.device.on_cpu", lambda values: False)
    criterion = Criterion(APLoss(), build_box({"type": "giou"}), build_balance({}))
    extras = {"positives": torch.tensor([0, 3]), "avg_factor": torch.tensor(2.0)}
    wrong = {"target_boxes": BOXES[:, [2, 3, 0, 1]]} | changed("labels", 1, 7)
    with Watch() as watch:
        criterion(**(RIGHT | wrong), extras=extras)
    assert watch.seen == ["nonzero"]  # the ranking's own: the number of positives
    monkeypatch.setenv("RANKDET_CHECKS", "on")
    assert line(criterion, **(RIGHT | wrong)).startswith("class 7 of 3 classes")


@pytest.mark.fault("wrong input of a criterion")
@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ((APLoss, BoxLoss(), Balance()), "classification is the class APLoss; give a module"),
        ((APLoss(), None, Balance()), "box is None; give a module, such as build_box"),
        ((APLoss(), BoxLoss(), "none"), "balance is a str; give a module, such as build_balance"),
    ],
    ids=["class", "None", "name"],
)
def test_parts_that_are_no_modules_are_named(parts, said):
    assert line(Criterion, *parts).startswith(said)


@pytest.mark.fault("wrong input of a criterion")
@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: build_box(None), "box part is None; give a mapping"),
        (lambda: build_box({"type": ["giou"]}), "box type is a list; known are giou"),
        (lambda: build_balance([1]), "balance is a list; give a mapping"),
        (lambda: build_balance({"type": [1]}), "balance type is a list; known are none"),
        (lambda: SelfBalanceEpoch(period="x"), "period is 'x'; give 1 or more"),
        (lambda: SelfBalanceEpoch(period=2.5), "period is 2.5; give 1 or more"),
        (lambda: SelfBalanceEpoch(synchronise="no"), "synchronise is 'no'; give True or False"),
        (lambda: SelfBalanceIteration()(1.0, torch.ones(()), None), "loss_cls is a float"),
        (lambda: SelfBalanceEpoch()(torch.ones(()), torch.ones(2), None), "loss_bbox is a tensor"),
        (
            lambda: GradientMagnitudeBalance()(torch.ones(()), torch.ones(()), None),
            "problem is None; give a FlatProblem",
        ),
        (lambda: BoxLoss()(BOXES), "problem is a Tensor; give a FlatProblem"),
        (lambda: BoxLoss().quality(None), "problem is None; give a FlatProblem"),
        (lambda: BoxLoss()(FlatProblem(**RIGHT)), "the problem has 0 box_errors for 2 positives"),
        (lambda: BoxLoss(weight=float("inf")), "box weight is inf; give a finite number"),
        (lambda: flat_labels([1, 2], 3), "classes are a list; give a tensor of class indices"),
        (lambda: flat_labels(torch.tensor([1]), "3"), "num_classes is '3'; give 1 or more"),
        (lambda: flat_labels(torch.tensor([1]), 0), "num_classes is 0; give 1 or more"),
        (
            lambda: flat_labels(torch.tensor([[1, 7]]), 3),
            "class 7 of 3 classes at position (0, 1); use 0 to 2, 3 for background, -1 for ignored",
        ),
    ],
)
def test_wrong_use_of_the_other_parts_is_named(call, said):
    assert line(call).startswith(said)
