"""PAA: with focal loss, our losses equal mmdet's; PAA* assigns like a slow implementation."""

import copy
import warnings
from typing import get_args

import numpy as np
import pytest
import torch
from sklearn.mixture import GaussianMixture

from rankdet.study.config.card import Clustering
from tests.detectors.batches import (
    ALRP,
    CLASSES,
    assert_same_losses,
    batch,
    build,
    small_config,
    stock_beside,
)

pytestmark = pytest.mark.usefixtures("environment")

FOCAL = {
    "classification": {"type": "SigmoidFocalLoss"},
    "box": {"type": "giou", "weighting": "iou", "weight": 1.3},
    "head": {"centerness": True},
}


def config(card, name="paa", **head):
    found = small_config(name, card)
    found["bbox_head"].update(head)
    return found


def spread(model, seed=3):
    """Moves a model away from its first logits, so that candidates differ."""
    noise = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.05 * torch.randn(parameter.shape, generator=noise)
    return model


def test_focal_path_equals_stock_mmdet():
    assert_same_losses(*stock_beside(config(FOCAL), "PAAHead", {}))


def test_detections_equal_stock_mmdet():
    stock, ours = stock_beside(config(FOCAL), "PAAHead", {})
    images, samples = batch()
    stock.eval(), ours.eval()
    with torch.inference_mode():
        expected = stock.predict(images, copy.deepcopy(samples))
        found = ours.predict(images, copy.deepcopy(samples))
    for one, other in zip(expected, found, strict=True):
        assert len(one.pred_instances) > 0
        torch.testing.assert_close(one.pred_instances.bboxes, other.pred_instances.bboxes)
        torch.testing.assert_close(one.pred_instances.scores, other.pred_instances.scores)


def assigned(model, images, samples):
    """Returns the (A,) labels of a batch as the criterion gets them."""
    seen = []
    whole = model.bbox_head.apply_criterion
    model.bbox_head.apply_criterion = lambda *a: seen.append(a) or whole(*a)
    model.loss(images, copy.deepcopy(samples))
    model.bbox_head.apply_criterion = whole
    return seen[0][1]


def test_assignment_does_not_depend_on_the_criterion():
    images, samples = batch()
    focal, alrp = build(config(FOCAL)), build(config(ALRP))
    alrp.load_state_dict(focal.state_dict(), strict=False)
    first, second = (assigned(model, images, samples) for model in (focal, alrp))
    assert (first < len(CLASSES)).sum() > 0
    assert torch.equal(first, second)


def slow_labels(model, images, samples, normalise, topk=9):
    """PAA* object by object, in float64 NumPy: the labels of every anchor of the batch."""
    head = model.bbox_head
    with torch.no_grad():
        scores, deltas = head(model.extract_feat(images))[:2]
    labels = []
    for index, sample in enumerate(samples):
        anchors, logits, boxes, levels = [], [], [], []
        grids = head.prior_generator.grid_priors([s.shape[-2:] for s in scores], device="cpu")
        for level, grid in enumerate(grids):
            anchors.append(grid)
            logits.append(scores[level][index].permute(1, 2, 0).reshape(-1, len(CLASSES)))
            flat = deltas[level][index].permute(1, 2, 0).reshape(-1, 4)
            boxes.append(head.bbox_coder.decode(grid, flat))
            levels += [level] * len(grid)
        anchors, logits, boxes = (
            torch.cat(part).double().numpy() for part in (anchors, logits, boxes)
        )
        labels.append(slow_image(anchors, logits, boxes, np.array(levels), sample, normalise, topk))
    return torch.tensor(np.concatenate(labels))


def iou(one, other):
    low, high = np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])
    overlap = np.prod(np.clip(high - low, 0, None))
    return overlap / (np.prod(one[2:] - one[:2]) + np.prod(other[2:] - other[:2]) - overlap)


def slow_image(anchors, logits, boxes, levels, sample, normalise, topk):
    truth = sample.gt_instances.bboxes.double().numpy()
    classes = sample.gt_instances.labels.numpy()
    overlaps = np.array([[iou(a, g) for g in truth] for a in anchors])
    owner = np.where(overlaps.max(1) >= 0.1, overlaps.argmax(1), -1)
    for g in range(len(truth)):  # low-quality matches: an object's best anchors are candidates
        owner[overlaps[:, g] == overlaps[:, g].max()] = g
    labels = np.full(len(anchors), len(CLASSES))
    for g, label in enumerate(classes):
        mine = np.flatnonzero(owner == g)
        score = 1 / (1 + np.exp(-logits[mine, label]))
        quality = np.array([iou(boxes[i], truth[g]) for i in mine])
        if normalise:
            score, quality = (
                (v - v.min()) / (v.max() - v.min()) if v.max() > v.min() else np.ones_like(v)
                for v in (score, quality)
            )
        value = (1 - score) + (1 - quality)
        kept = []
        for level in range(levels.max() + 1):
            here = [i for i in np.argsort(value) if levels[mine[i]] == level]
            kept += here[:topk]
        kept = sorted(kept, key=lambda i: value[i])
        if len(kept) < 2:
            continue
        column = value[kept][:, None].astype(np.float32)
        mixture = GaussianMixture(
            2,
            covariance_type="diag",
            weights_init=[0.5, 0.5],
            means_init=[[column.min()], [column.max()]],
            precisions_init=[[1.0], [1.0]],
        )
        near = mixture.fit(column).predict(column) == 0
        if near.any():
            chosen = [i for i, good in zip(kept, near, strict=True) if good]
            best = int(np.argmax(mixture.score_samples(column)[near]))
            labels[mine[chosen[: best + 1]]] = label
    return labels


@pytest.mark.parametrize("clustering", ["scores", "normalised-scores"])
@pytest.mark.parametrize("seed", [3, 4, 5])
def test_star_assigns_as_the_slow_version(clustering, seed):
    model = spread(build(config(ALRP, clustering=clustering)), seed)
    model.backbone.eval()  # batch statistics would differ by rounding
    images, samples = batch()
    found = assigned(model, images, samples)
    expected = slow_labels(model, images, samples, clustering == "normalised-scores")
    assert (expected < len(CLASSES)).sum() > 2
    assert torch.equal(found, expected)


@pytest.mark.parametrize(("clustering", "column"), [("score-alone", 0), ("iou-alone", 1)])
def test_candidates_may_be_clustered_by_a_single_term(clustering, column):
    from rankdet.detectors.paa import candidate_errors  # mmdet's operations are set up by now

    pairs = torch.rand(6, 2, generator=torch.Generator().manual_seed(1))
    objects = torch.tensor([0, 1, 0, 1, 0, 1])
    expected = torch.empty(6)
    for chosen in (objects == 0, objects == 1):  # each object's terms are normalised by themselves
        own = pairs[chosen, column]
        expected[chosen] = (own.max() - own) / (own.max() - own.min())
    torch.testing.assert_close(candidate_errors(pairs, objects, clustering), expected)
    model = build(config({**ALRP, "head": {"clustering": clustering}}, "paa-star"))
    assert model.bbox_head.clustering == clustering
    images, samples = batch()
    losses = model.loss(images, samples)
    assert all(torch.isfinite(torch.as_tensor(v).sum()) for k, v in losses.items() if "loss" in k)


def test_a_card_knows_every_clustering():
    from rankdet.detectors.paa import CLUSTERING

    assert get_args(Clustering) == CLUSTERING


def test_star_is_the_option_of_its_detector():
    assert build(config(ALRP, "paa-star")).bbox_head.clustering == "normalised-scores"
    with pytest.raises(ValueError, match="known are losses, scores, normalised-scores"):
        build(config(ALRP, clustering="score"))


def test_equal_values_normalise_to_nothing():
    from rankdet.detectors.paa import candidate_errors

    pairs = torch.tensor([[0.3, 0.2], [0.3, 0.6], [0.1, 0.5], [0.1, 0.5], [0.4, 0.9]])
    objects = torch.tensor([0, 0, 1, 1, 2])
    found = candidate_errors(pairs, objects, "normalised-scores")
    torch.testing.assert_close(found, torch.tensor([1.0, 0.0, 0.0, 0.0, 0.0]))
    assert candidate_errors(pairs[:0], objects[:0], "normalised-scores").shape == (0,)


def test_candidates_that_are_all_equal_are_assigned():
    """All logits and predicted boxes alike: 0/0 in the released code."""
    head = build(config(ALRP, "paa-star")).bbox_head
    anchors = [torch.tensor([[0.0, 0.0, 10.0, 10.0]]).repeat(6, 1)]
    pairs = torch.full((6, 2), 0.5)
    everything = torch.arange(6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        labels, weights, _, count = head.paa_reassign(
            pairs,
            torch.zeros(6, dtype=torch.int64),
            torch.ones(6),
            torch.ones(6, 4),
            everything,
            torch.zeros(6, dtype=torch.int64),
            anchors,
        )
    assert 1 <= count <= 6
    assert int((labels == 0).sum()) == count
    assert (weights == 1).all()


def test_without_iou_prediction_scores_are_the_classes():
    model = spread(build(config(ALRP, score_voting=False))).eval()
    assert not any("centerness" in name for name, _ in model.named_parameters())
    model.bbox_head.test_cfg.update(score_thr=0.0, max_per_img=1000)
    images, samples = batch()
    with torch.inference_mode():
        found = model.predict(images, samples)[0].pred_instances
        scores = torch.cat(
            [s[0].sigmoid().flatten() for s in model.bbox_head(model.extract_feat(images))[0]]
        )
    assert len(found) > 0
    distance = (found.scores[:, None] - scores[None]).abs().amin(1)
    assert float(distance.max()) < 1e-6
