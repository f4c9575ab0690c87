"""Point heads: with focal loss as criterion, our losses and boxes equal those of mmdet."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.structures import InstanceData

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
from tests.waits import Watch

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


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(*[st.integers(0, 120)] * 2, *[st.sampled_from([4, 20, 32, 64, 100])] * 2),
        max_size=8,
    ),
    st.sampled_from([1.0, 0.37]),
)
def test_foveabox_assigns_all_objects_at_once_as_mmdet_does_one_by_one(rows, scale):
    """Few sizes: boxes of equal area overlap, and lie between two levels or outside the image."""
    from mmdet.models.dense_heads import FoveaHead

    head = build(small_config("foveabox", ALRP)).bbox_head
    sizes = [(16, 20), (8, 10), (4, 5), (2, 3), (1, 2)]
    points = head.prior_generator.grid_priors(sizes, dtype=torch.float32, device="cpu")
    boxes = scale * torch.tensor(rows, dtype=torch.float32).reshape(-1, 4)
    boxes = torch.cat([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], 1)
    objects = InstanceData(bboxes=boxes, labels=torch.arange(len(boxes)) % len(CLASSES))
    levels = {"featmap_size_list": sizes, "priors_list": points}
    with Watch() as watch:
        found = head._get_targets_single(objects, **levels)
    assert watch.seen == []
    expected = FoveaHead._get_targets_single(head, objects, **levels)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
