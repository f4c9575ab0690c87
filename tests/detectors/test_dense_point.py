"""Point heads: with focal loss as criterion, our losses and boxes equal those of mmdet."""

import pytest
import torch

from tests.detectors.batches import (
    ALRP,
    CLASSES,
    assert_same_losses,
    batch,
    build,
    sample,
    small_config,
    stock_beside,
)

pytestmark = pytest.mark.usefixtures("environment")

FOCAL_RECIPES = {
    "fcos": (
        "FCOSHead",
        {
            "classification": {"type": "SigmoidFocalLoss"},
            "box": {"type": "giou", "weighting": "centerness"},
            "head": {"centerness": True},
        },
    ),
    "foveabox": (
        "FoveaHead",
        {
            "classification": {"type": "SigmoidFocalLoss", "alpha": 0.4, "gamma": 1.5},
            "box": {"type": "smooth_l1", "beta": 0.11},
        },
    ),
}


@pytest.mark.parametrize("name", FOCAL_RECIPES)
def test_focal_path_equals_stock_mmdet(name):
    stock_type, card = FOCAL_RECIPES[name]
    assert_same_losses(*stock_beside(small_config(name, card), stock_type, {}))


def test_fcos_without_its_later_improvements_equals_stock_mmdet():
    _, card = FOCAL_RECIPES["fcos"]
    ours = small_config("fcos", card)
    ours["bbox_head"].update(norm_on_bbox=False, center_sampling=False, centerness_on_reg=False)
    assert_same_losses(*stock_beside(ours, "FCOSHead", {}, shift=0.02))


@pytest.mark.parametrize("name", FOCAL_RECIPES)
def test_targets_decode_to_the_ground_truth(name):
    model = build(small_config(name, ALRP))
    seen = {}
    model.bbox_head.apply_criterion = lambda *arguments: (
        seen.update(
            zip(
                ("logits", "labels", "ignore", "boxes", "targets", "extras"), arguments, strict=True
            )
        )
        or {"loss_bbox": arguments[0].sum() * 0}
    )
    images, samples = batch()
    model.loss(images, samples)
    labels = seen["labels"]
    positive = (labels < len(CLASSES)).nonzero().squeeze(1)
    assert len(positive) == len(seen["boxes"]) == len(seen["targets"]) > 0
    found = seen["extras"]["image_index"][positive]
    for target, label, image in zip(seen["targets"], labels[positive], found, strict=True):
        truth = samples[image].gt_instances
        distance = (truth.bboxes - target).abs().amax(1)
        assert float(distance.min()) < 1e-3
        assert int(truth.labels[distance.argmin()]) == int(label)


@pytest.mark.parametrize("name", FOCAL_RECIPES)
def test_boxes_in_training_are_those_of_prediction(name):
    """A point's box in the loss is what mmdet predicts there, up to clipping at the border."""
    model = build(small_config(name, ALRP))
    head, seen = model.bbox_head, []
    head.apply_criterion = lambda *arguments: (
        seen.append(arguments) or {"loss_bbox": arguments[0].sum() * 0}
    )
    images, _ = batch()
    samples = [sample([[30, 30, 90, 90]], [0]) for _ in images]
    features = model.extract_feat(images)
    head.loss(features, samples)
    model.eval()
    head.test_cfg.update(score_thr=0.0, nms_pre=-1, min_bbox_size=-1)
    metas = [s.metainfo for s in samples]
    with torch.no_grad():
        everything = head.predict_by_feat(
            *head.forward(features), batch_img_metas=metas, cfg=head.test_cfg, with_nms=False
        )
    predicted = torch.cat([result.bboxes for result in everything])
    for box in seen[0][3].detach():
        assert float((predicted - box.clamp(0, 127)).abs().amax(1).min()) < 1.01


def test_coders_of_anchors_are_not_for_points():
    card = {**ALRP, "head": {"bbox_coder": {"type": "DeltaXYWHBBoxCoder"}, "centerness": False}}
    head = build(small_config("fcos", card)).bbox_head
    assert type(head.bbox_coder).__name__ == "DistancePointBBoxCoder"
