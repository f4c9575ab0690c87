"""RPN, R-CNN and mask heads: with cross entropy they equal mmdet's; each records its balance."""

import copy

import pytest
import torch
from mmdet.registry import MODELS
from mmengine.config import ConfigDict

from rankdet.detectors.models import merged_into_lists, mmdet_base, model_config
from rankdet.detectors.stages import stage_card, stock_box
from rankdet.errors import InputError
from rankdet.study.cards import load_loss
from rankdet.study.detectors import load_detector
from rankdet.training.hooks import criterion_heads
from rankdet.training.recording import heads_record
from tests.detectors.batches import (
    CLASSES,
    assert_trains_without,
    batch,
    build,
    gradients,
    without_objects,
)
from tests.detectors.two_stage import away_from_the_start, card, losses_of, ours

pytestmark = pytest.mark.usefixtures("environment")

NAMES = ["faster-rcnn", "cascade-rcnn", "mask-rcnn"]
PREFIXES = {
    "faster-rcnn": ["rpn_", "s0_"],
    "cascade-rcnn": ["rpn_", "s0_", "s1_", "s2_"],
    "mask-rcnn": ["rpn_", "s0_"],
}


def stock(name):
    """mmdet's own model in our small preset."""
    detector = load_detector(name, "small")
    model = merged_into_lists(mmdet_base(detector["base"]), detector["small"])
    heads = model["roi_head"]["bbox_head"]
    parts = heads if isinstance(heads, list) else [heads]
    if "mask_head" in model["roi_head"]:
        parts = [*parts, model["roi_head"]["mask_head"]]
    for part in parts:
        part["num_classes"] = len(CLASSES)
    return MODELS.build(ConfigDict(model))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("objects", ["everywhere", "one image without", "none at all"])
def test_cross_entropy_equals_stock_mmdet(name, objects):
    torch.manual_seed(0)
    theirs, model = stock(name), build(ours(name, "ce+l1"))
    state = away_from_the_start(model)
    model.load_state_dict(state)
    theirs.load_state_dict({k: v for k, v in state.items() if "criterion" not in k}, strict=False)
    missing = set(theirs.state_dict()) - set(state)
    assert not missing
    images, samples = batch() if objects == "everywhere" else without_objects(objects)
    expected = losses_of(theirs, images, samples)
    found = losses_of(model, images, samples)
    assert expected.keys() == found.keys()
    for key, value in expected.items():
        torch.testing.assert_close(found[key].sum(), value.sum(), rtol=1e-5, atol=1e-5, msg=key)
        assert float(value.detach().sum()) > 0 or objects == "none at all" or "s" in key[:1]


@pytest.mark.parametrize("name", NAMES)
def test_softmax_predictions_equal_stock_mmdets(name):
    theirs, model = stock(name), build(ours(name, "ce+l1"))
    state = away_from_the_start(model)
    model.load_state_dict(state)
    theirs.load_state_dict(state, strict=False)
    images, samples = batch()
    with torch.inference_mode():
        expected = theirs.eval().predict(images, copy.deepcopy(samples))
        found = model.eval().predict(images, copy.deepcopy(samples))
    for a, b in zip(expected, found, strict=True):
        torch.testing.assert_close(a.pred_instances.scores, b.pred_instances.scores)
        torch.testing.assert_close(a.pred_instances.bboxes, b.pred_instances.bboxes)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("loss", ["alrp", "rs", "rs+sampled"])
def test_every_head_records_its_own_balance(name, loss):
    model = build(ours(name, loss))
    # proposals near the objects, so that every stage has positives
    model.train_cfg["rpn_proposal"]["nms"]["iou_threshold"] = 1.0
    for stage in as_list(model.roi_head.bbox_assigner):
        stage.pos_iou_thr = stage.neg_iou_thr = stage.min_pos_iou = 0.3
    images, samples = batch()
    total, _ = gradients(model, images, samples)
    row = heads_record(criterion_heads(model))
    assert torch.isfinite(total)
    for prefix in PREFIXES[name]:
        assert row[f"{prefix}num_pos"] > 0
        assert row[f"{prefix}num_neg"] > row[f"{prefix}num_pos"]
        # Theorem 2, and Rank & Sort's ranking part; its sorting part is balanced among positives
        positive, negative = row[f"{prefix}grad_pos"], row[f"{prefix}grad_neg"]
        assert positive > 0
        assert negative == pytest.approx(positive, rel=1e-3 if loss == "alrp" else 0.2)
    for column in ("num_pos", "num_neg", "grad_pos", "grad_neg"):
        parts = [row[f"{prefix}{column}"] for prefix in PREFIXES[name]]
        assert row[column] == pytest.approx(sum(parts))
    sampled = "sampled" in loss
    anchors = row["rpn_num_pos"] + row["rpn_num_neg"]
    assert (anchors == 2 * 256) if sampled else (anchors > 4000)


def as_list(value):
    return value if isinstance(value, list) else [value]


def test_rpn_counts_a_fifth_and_follows_its_assigners_threshold():
    model = build(ours("faster-rcnn", "alrp"))
    assert model.rpn_head.criterion.weight == 0.2
    assert model.rpn_head.criterion.classification.tau == 0.7
    assert model.roi_head.bbox_head.criterion.weight == 1.0
    assert model.roi_head.bbox_head.criterion.classification.tau == 0.5
    stages = build(ours("cascade-rcnn", "alrp")).roi_head.bbox_head
    assert [head.criterion.classification.tau for head in stages] == [0.5, 0.6, 0.7]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("loss", ["rs", "alrp", "focal", "ce+unsampled"])
@pytest.mark.parametrize("objects", ["one image without", "none at all"])
def test_images_without_objects_train(name, loss, objects):
    model = build(ours(name, loss))
    total = assert_trains_without(objects, model)
    if objects == "none at all" and loss in ("rs", "alrp"):
        assert total == 0


@pytest.mark.parametrize("name", NAMES)
def test_gradients_reach_every_parameter(name):
    model = build(ours(name, "rs"))
    for stage in as_list(model.roi_head.bbox_assigner):
        stage.pos_iou_thr = stage.neg_iou_thr = stage.min_pos_iou = 0.3
    images, samples = batch()
    _, found = gradients(model, images, samples)
    heads = {key: g for key, g in found.items() if "head" in key}
    assert heads
    assert all(g is not None and g.abs().sum() > 0 for g in heads.values())


def test_every_proposal_and_the_ground_truth_may_be_sampled():
    card = load_loss("rs").variant("")
    card = {**card, "rcnn": {**card.get("rcnn", {}), "sampler": "all"}}
    settings = model_config(
        load_detector("faster-rcnn", "full"), card, preset="full", classes=CLASSES
    )
    sampler = settings.train_cfg.rcnn.sampler
    assert (sampler.type, sampler.add_gt_as_proposals) == ("RandomSampler", True)
    assert sampler.num * sampler.pos_fraction > 1e9
    with torch.device("meta"):
        assert MODELS.build(settings).roi_head.bbox_sampler.num == sampler.num


def test_stock_box_losses():
    assert stock_box({"type": "L1Loss", "loss_weight": 2.0}) == {"type": "l1", "weight": 2.0}
    smooth = stock_box({"type": "SmoothL1Loss", "beta": 0.5})
    assert smooth == {"type": "smooth_l1", "weight": 1.0, "beta": 0.5}
    with pytest.raises(InputError, match="BoundedIoULoss"):
        stock_box({"type": "BoundedIoULoss"})


def test_a_stage_changes_arguments_or_replaces_parts():
    base = {"name": "x", "classification": {"type": "A", "k": 1}, "box": {"type": "giou"}}
    settings = {"assigner": {"pos_iou_thr": 0.6}}
    same = stage_card(base, {"classification": {"k": 2}}, settings, {})
    assert same["classification"] == {"type": "A", "k": 2}
    other = stage_card(base, {"classification": {"type": "ALRPLoss"}}, settings, {})
    assert other["classification"] == {"type": "ALRPLoss", "tau": 0.6}
    assert other["box"] == {"type": "giou"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mask": {"type": "bce"}}, "mask.type: found 'bce'"),
        ({"mask": {"balance": {"type": "gradient-magnitude"}}}, "mask.balance.type"),
        ({"rpn": {"sampler": "ohem"}}, "rpn.sampler: found 'ohem'"),
    ],
)
def test_impossible_options_of_a_card(change, message):
    detector = load_detector("mask-rcnn", "small")
    with pytest.raises(InputError, match=message):
        model_config(detector, {**card("rs"), **change}, preset="small", classes=CLASSES)


def test_heads_without_an_adapter_are_rejected():
    detector = load_detector("cascade-rcnn", "small")
    base = "cascade_rcnn/cascade-mask-rcnn_r50_fpn_1x_coco.py"
    with pytest.raises(InputError, match="no adapter for CascadeRoIHead"):
        model_config({**detector, "base": base}, card("rs"), preset="small", classes=CLASSES)
    head = {"roi_head": {"bbox_head": {"type": "Shared4Conv1FCBBoxHead"}}}
    other = {**load_detector("faster-rcnn", "small"), "small": head}
    with pytest.raises(InputError, match="no adapter for Shared4Conv1FCBBoxHead"):
        model_config(other, card("rs"), preset="small", classes=CLASSES)
