"""YOLACT and SOLOv2 by any criterion: stock mmdet's values, masks as labels, odd batches."""

import copy

import numpy as np
import pytest
import torch
from mmdet.registry import MODELS

from rankdet.detectors.models import model_config
from rankdet.study.cards import load_loss
from rankdet.study.detectors import load_detector
from tests.detectors import batches
from tests.detectors.batches import CLASSES

pytestmark = pytest.mark.usefixtures("environment")

FOCAL = {"classification": {"type": "SigmoidFocalLoss"}, "box": {"type": "giou", "weight": 2.0}}


def with_masks(images, samples):
    """Gives each object an ellipse inside its box."""
    from mmdet.structures.mask import BitmapMasks  # needs mmcv's operations: after `set_up`

    for data in samples:
        y, x = np.mgrid[: batches.SIZE[0], : batches.SIZE[1]]
        masks = [
            ((x - (a + c) / 2) / ((c - a) / 2)) ** 2 + ((y - (b + d) / 2) / ((d - b) / 2)) ** 2 < 1
            for a, b, c, d in data.gt_instances.bboxes.tolist()
        ]
        stacked = np.array(masks, dtype=np.uint8).reshape(-1, *batches.SIZE)
        data.gt_instances.masks = BitmapMasks(stacked, *batches.SIZE)
    return images, samples


def config(name, card, preset="small", **test):
    return model_config(
        load_detector(name, preset), card, preset=preset, classes=CLASSES, test=test
    )


def build(settings, like=None):
    torch.manual_seed(0)
    model = MODELS.build(copy.deepcopy(settings))
    model.init_weights()
    noise = torch.Generator().manual_seed(3)
    for parameter in model.parameters():
        parameter.data += 0.02 * torch.randn(parameter.shape, generator=noise)
    if like is not None:
        model.load_state_dict(like.state_dict(), strict=False)
    return model.train()


def total(value):
    return sum(part.sum() for part in value) if isinstance(value, list) else value.sum()


def test_yolact_by_focal_loss_equals_stock_mmdet():
    ours = config("yolact", FOCAL)
    stock = copy.deepcopy(ours)
    stock["type"], stock["mask_head"]["type"] = "YOLACT", "YOLACTProtonet"
    for ours_alone in ("balance", "dice", "by_score"):
        del stock["mask_head"][ours_alone]
    del stock["bbox_head"]["criterion"]
    del stock["bbox_head"]["loss_cls"], stock["bbox_head"]["loss_bbox"]
    stock["bbox_head"] |= {
        "type": "YOLACTHead",
        "reg_decoded_bbox": True,
        "loss_cls": {"type": "FocalLoss", "use_sigmoid": True},
        "loss_bbox": {"type": "GIoULoss", "loss_weight": 2.0},
    }
    model = build(ours)
    expected = build(stock, like=model).loss(*with_masks(*batches.batch()))
    found = model.loss(*with_masks(*batches.batch()))
    for name in ("loss_cls", "loss_bbox", "loss_mask", "loss_segm"):
        torch.testing.assert_close(total(found[name]), total(expected[name]), rtol=1e-5, atol=1e-5)
        assert float(total(found[name])) > 0


def test_solov2_by_focal_loss_equals_stock_mmdet():
    ours = config("solov2", FOCAL)
    stock = copy.deepcopy(ours)
    del stock["mask_head"]["criterion"]
    stock["mask_head"]["type"] = "SOLOV2Head"
    stock["mask_head"]["loss_mask"]["loss_weight"] = 3.0
    model = build(ours)
    expected = build(stock, like=model).loss(*with_masks(*batches.batch()))
    found = model.loss(*with_masks(*batches.batch()))
    for name in ("loss_cls", "loss_mask"):
        torch.testing.assert_close(found[name], expected[name], rtol=1e-5, atol=1e-5)
        assert float(found[name]) > 0


def cards():
    for loss in ("focal", "ap", "alrp", "rs", "ape"):
        yield loss, load_loss(loss).variant("")
    for labels in ("iou", "dice"):
        card = load_loss("rs").variant("")
        yield f"rs-{labels}", {**card, "mask": {"balance": {"type": "self-iteration"}}}


@pytest.mark.parametrize("detector", ["yolact", "solov2"])
@pytest.mark.parametrize(("loss", "card"), [pytest.param(*c, id=c[0]) for c in cards()])
def test_losses_train_every_part(detector, loss, card):
    model = build(config(detector, card))
    losses, grads = batches.gradients(model, *with_masks(*batches.batch()))
    assert torch.isfinite(losses)
    for name, grad in grads.items():
        head = name.startswith(("bbox_head", "mask_head", "neck"))
        assert grad is None or torch.isfinite(grad).all(), name
        if head and "fpn_convs" not in name and "Norm" not in name:
            assert grad is not None and float(grad.abs().sum()) > 0, name


@pytest.mark.parametrize("detector", ["yolact", "solov2"])
@pytest.mark.parametrize("which", ["one image without", "none at all"])
@pytest.mark.parametrize("loss", ["focal", "alrp", "rs"])
def test_images_without_objects(detector, which, loss):
    model = build(config(detector, load_loss(loss).variant("")))
    found, grads = batches.gradients(model, *with_masks(*batches.without_objects(which)))
    assert torch.isfinite(found)
    assert all(torch.isfinite(grad).all() for grad in grads.values() if grad is not None)
    kernel = (
        "bbox_head.conv_coeff.weight" if detector == "yolact" else "mask_head.conv_kernel.weight"
    )
    assert grads[kernel] is not None  # in the graph, for DDP


def test_the_dice_of_each_positive_cell_is_that_of_its_own_mask():
    """Compared with a slow oracle: the mask of each cell is computed from mmdet's targets."""
    model = build(config("solov2", FOCAL))
    head = model.mask_head
    images, samples = with_masks(*batches.batch())
    seen = {}
    head.criterion.register_forward_hook(lambda _, given, __: seen.update(given=given))
    model.loss(images, samples)
    _, labels, _, _, _, extras = seen["given"]
    with torch.no_grad():
        kernels, _, features = head(model.extract_feat(images))
    objects = [data.gt_instances for data in samples]
    targets = [head._get_targets_single(o, features.shape[-2:]) for o in objects]
    expected, row = [], 0
    for level, side in enumerate(head.num_grids):
        for image in range(2):
            masks, level_labels, _, cells = (part[level] for part in targets[image])
            for cell in range(side * side):
                label = int(level_labels.flatten()[cell])
                assert label == int(labels[row])
                row += 1
                if label < 3:
                    kernel = kernels[level][image].flatten(1)[:, cell]
                    mask = (features[image] * kernel[:, None, None]).sum(0).sigmoid().double()
                    which = len(cells) - 1 - cells[::-1].index(cell)
                    truth = masks[which].double()
                    common = 2 * (mask * truth).sum()
                    expected.append(common / (mask.square().sum() + truth.square().sum() + 2e-3))
    assert len(expected) > 3
    torch.testing.assert_close(extras["dice"].double(), torch.stack(expected), rtol=1e-3, atol=1e-4)


def test_yolact_returns_the_dice_of_the_right_anchors():
    model = build(config("yolact", load_loss("rs").variant("")))
    head, masks = model.bbox_head, model.mask_head
    head.criterion.classification.labels = "dice"
    seen = {}
    head.criterion.register_forward_hook(lambda _, given, __: seen.update(given=given))
    model.loss(*with_masks(*batches.batch()))
    _, _, _, boxes, targets, extras = seen["given"]
    assert extras["dice"].shape == (len(boxes),)
    infos = head.get_positive_infos()
    flat = torch.cat(masks.dice)
    assert sorted(extras["dice"].tolist()) == pytest.approx(sorted(flat.tolist()))
    # The best mask belongs to the positive whose target is that mask's object.
    best = int(extras["dice"].argmax())
    owner = torch.cat([info.bboxes for info in infos])[int(flat.argmax())]
    torch.testing.assert_close(targets[best], owner)


def test_yolacts_masks_may_be_trained_by_dice_weighted_by_scores():
    card = load_loss("rs").variant("")
    mask = {"type": "dice", "weighting": "score", "balance": {"type": "none"}}
    settings = config("yolact", {**card, "mask": mask, "head": {"prior": 0}})
    settings["mask_head"]["with_seg_branch"] = False
    model = build(settings)
    assert abs(float(model.bbox_head.conv_cls.bias.detach().mean())) < 0.1
    losses = model.loss(*with_masks(*batches.batch()))
    assert "loss_segm" not in losses
    dice = torch.cat(model.mask_head.dice)
    scores = torch.cat(model.bbox_head.positive_scores())
    assert len(dice) == len(scores) > 3
    expected = (scores * (1 - dice)).sum() / scores.sum()
    torch.testing.assert_close(losses["loss_mask"].detach(), expected)
    losses["loss_mask"].backward()
    assert model.bbox_head.conv_coeff.weight.grad.abs().sum() > 0


def test_solov2s_dice_may_be_weighted_by_scores():
    card = load_loss("rs").variant("")
    card = {**card, "mask": {**card.get("mask", {}), "weighting": "score"}}
    model = build(config("solov2", card))
    assert model.mask_head.criterion.box.weighting == "score"


@pytest.mark.parametrize("detector", ["yolact", "solov2"])
def test_predictions_have_masks_and_boxes(detector):
    model = build(config(detector, FOCAL, score_threshold=0.0, max_per_image=7, nms_iou=0.4)).eval()
    images, samples = with_masks(*batches.batch())
    with torch.no_grad():
        results = model.predict(images, samples)
    for result in results:
        found = result.pred_instances
        assert 0 < len(found) <= 7
        assert found.masks.shape == (len(found), *batches.SIZE)
        assert found.labels.dtype == torch.int64
        if detector == "solov2":
            for mask, (left, top, right, bottom) in zip(found.masks, found.bboxes, strict=True):
                rows, columns = mask.any(1).nonzero(), mask.any(0).nonzero()
                assert (left, right) == (columns.min(), columns.max() + 1)
                assert (top, bottom) == (rows.min(), rows.max() + 1)
    if detector == "yolact":
        assert model.test_cfg["iou_thr"] == 0.4
    else:
        assert model.test_cfg["filter_thr"] == 0  # otherwise scores below .05 would not be found


def test_boxes_of_masks_do_not_change_which_masks_are_found():
    """The limit on candidates changes nothing if it is not reached, and little if it is."""
    settings = config("solov2", FOCAL, score_threshold=0.0, max_per_image=7)
    stock = copy.deepcopy(settings)
    del stock["mask_head"]["criterion"]
    stock["mask_head"]["type"] = "SOLOV2Head"
    model = build(settings).eval()
    other = build(stock, like=model).eval()
    images, samples = with_masks(*batches.batch())
    with torch.no_grad():
        ours = model.predict(images, copy.deepcopy(samples))
        theirs = other.predict(images, copy.deepcopy(samples))
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a.pred_instances.scores, b.pred_instances.scores)
        assert torch.equal(a.pred_instances.masks, b.pred_instances.masks)
