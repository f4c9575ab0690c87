"""The mask head of Mask R-CNN: labels from masks, Dice loss, balance, and predicted masks."""

import pytest
import torch
from pycocotools import mask as coco_mask

from rankdet.detectors.models import model_config
from rankdet.study.cards import load_loss
from rankdet.study.detectors import load_detector
from rankdet.training.detections import coco_results
from tests.detectors.batches import (
    CLASSES,
    batch,
    build,
)
from tests.detectors.two_stage import away_from_the_start, losses_of, ours

pytestmark = pytest.mark.usefixtures("environment")


@pytest.mark.parametrize("kind", ["binary", "dice", "mean"])
def test_labels_may_be_the_quality_of_masks(kind):
    variant = {"binary": "binary-label", "dice": "dice-label", "mean": "iou-dice-label"}[kind]
    model = build(ours("mask-rcnn", f"rs+{variant}"))
    model.roi_head.bbox_assigner.pos_iou_thr = model.roi_head.bbox_assigner.neg_iou_thr = 0.3
    model.roi_head.bbox_assigner.min_pos_iou = 0.3
    seen = []
    part = model.roi_head.bbox_head.criterion.classification
    forward = part.forward
    part.forward = lambda logits, targets, *rest: (
        seen.append(targets.detach()) or forward(logits, targets, *rest)
    )
    images, samples = batch()
    losses = losses_of(model, images, samples)
    assert torch.isfinite(sum(losses.values()))
    targets = seen[0][seen[0] > 0]
    assert len(targets) > 0
    dice = model.roi_head.mask_head.dice
    assert ((dice >= 0) & (dice <= 1)).all()
    if kind == "binary":
        assert (targets == 1).all()
    if kind == "dice":
        torch.testing.assert_close(targets.sort().values, dice[dice > 0].sort().values)
    assert model.rpn_head.criterion.classification.labels in ("iou", "binary")


def test_dice_of_a_perfect_mask_is_one():
    head = build(ours("mask-rcnn", "rs")).roi_head.mask_head
    masks = (torch.rand(3, 28, 28, generator=torch.Generator().manual_seed(1)) > 0.5).float()
    head.get_targets = lambda **_: masks
    head.loss_mask.scores = torch.ones(3)
    results = [type("Result", (), {"pos_gt_labels": torch.tensor([0, 2, 1])})()]
    logits = torch.full((3, 3, 28, 28), -50.0)
    for index, label in enumerate((0, 2, 1)):
        logits[index, label] = 100 * masks[index] - 50
    head.loss_and_target(logits, results, batch_gt_instances=None, rcnn_train_cfg=None)
    torch.testing.assert_close(head.dice, torch.ones(3), atol=1e-4, rtol=0)


def masked(**options):
    """Mask R-CNN trained by RS Loss whose mask loss has these options, with many positives."""
    card = load_loss("rs").variant("")
    detector = load_detector("mask-rcnn", "small")
    mask = {**card.get("mask", {}), "type": "dice", "balance": {"type": "none"}, **options}
    model = build(model_config(detector, {**card, "mask": mask}, preset="small", classes=CLASSES))
    model.train_cfg["rpn_proposal"]["nms"]["iou_threshold"] = 1.0
    return model


def test_dice_loss_may_be_weighted_by_the_positives_scores():
    model = masked(weighting="score")
    model.load_state_dict(away_from_the_start(model, 0.1))
    head = model.roi_head.mask_head
    seen = {}
    original = head.loss_mask.forward

    def forward(preds, targets, labels):
        seen["each"] = head.loss_mask.loss(
            preds[torch.arange(len(labels)), labels].flatten(1), targets.flatten(1)
        )
        seen["loss"] = original(preds, targets, labels)
        return seen["loss"]

    head.loss_mask.forward = forward
    losses_of(model, *batch())
    scores = model.roi_head.bbox_head.positive_scores
    assert len(scores) == len(seen["each"]) > 2
    expected = (scores * seen["each"]).sum() / scores.sum()
    torch.testing.assert_close(seen["loss"], expected)
    assert not torch.isclose(expected, seen["each"].mean(), rtol=1e-6)


def test_masks_of_at_most_so_many_positives_are_trained():
    model = masked(weighting="score", cap=3)
    counts = []
    original = model.roi_head.mask_head.loss_mask.forward

    def forward(preds, targets, labels):
        counts.append((len(preds), len(model.roi_head.mask_head.loss_mask.scores)))
        return original(preds, targets, labels)

    model.roi_head.mask_head.loss_mask.forward = forward
    losses = losses_of(model, *batch())
    assert len(model.roi_head.bbox_head.positive_scores) > 3
    assert counts == [(3, 3)]
    assert torch.isfinite(losses["loss_mask"])


def test_mask_loss_is_balanced_by_the_classification_loss():
    model = build(ours("mask-rcnn", "rs"))
    model.roi_head.bbox_assigner.pos_iou_thr = model.roi_head.bbox_assigner.neg_iou_thr = 0.3
    model.roi_head.bbox_assigner.min_pos_iou = 0.3
    losses = losses_of(model, *batch())
    ranking = losses["loss_rank"] + losses["loss_sort"]
    torch.testing.assert_close(losses["loss_mask"], ranking)
    torch.testing.assert_close(losses["loss_bbox"], ranking)


@pytest.mark.parametrize("loss", ["ce", "rs"])
def test_predicted_masks_are_run_lengths_of_the_image(loss):
    model = build(ours("mask-rcnn", loss)).eval()
    model.roi_head.test_cfg["score_thr"] = 0.0
    images, samples = batch()
    for index, sample in enumerate(samples):
        sample.set_metainfo({"img_id": index})
    with torch.inference_mode():
        results = model.predict(images, samples)
    detections = [d for result in results for d in coco_results(result, [1, 2, 3])]
    assert len(detections) == 200
    assert all(coco_mask.decode(d["segmentation"]).shape == (128, 128) for d in detections)
