"""Ranks of one process, of all processes, of images and of groups: two processes equal one."""

import pytest
import torch

from rankdet.losses import (
    ALRPLoss,
    APELoss,
    APLoss,
    Criterion,
    DRLoss,
    FlatProblem,
    NDCGLoss,
    PairwiseErrorLoss,
    RankSortLoss,
    build_balance,
    build_box,
)
from rankdet.losses.scope import image_groups, parse_scope, set_rank_scope
from tests.several_processes import results_of

PARTS = {
    "ap": APLoss,
    "alrp": ALRPLoss,
    "rs": RankSortLoss,
    "ape": APELoss,
    "step": PairwiseErrorLoss,
    "ndcg": NDCGLoss,
    "dr": DRLoss,
}
ANCHORS, CLASSES, IMAGES = 30, 3, 4


def batch(images=range(IMAGES)):
    """The part of a batch that a process with these images sees; rows go from level to level.

    In image 2 the positives of the first level are far above all negatives: APE Loss pairs them
    only with each other, and counts only those that have a pair.
    """
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(2, IMAGES, ANCHORS, CLASSES, generator=generator, dtype=torch.float64)
    classes = torch.randint(0, CLASSES, (2, IMAGES, ANCHORS), generator=generator)
    # Image 0 has many positives, image 3 has none.
    chances = torch.tensor([0.4, 0.1, 0.2, 0.0])[:, None]
    positive = torch.rand(2, IMAGES, ANCHORS, generator=generator) < chances
    labels = torch.where(positive, classes, CLASSES)
    logits[0, 2, positive[0, 2], classes[0, 2, positive[0, 2]]] += 9
    ignore = (torch.rand(labels.shape, generator=generator) < 0.1) & ~positive
    low = torch.rand(2, IMAGES, ANCHORS, 2, generator=generator, dtype=torch.float64) * 20
    targets = torch.cat([low, low + 10], -1)
    deltas = torch.randn(targets.shape, generator=generator, dtype=torch.float64)
    own = list(images)
    flat = {
        "logits": logits[:, own].reshape(-1, CLASSES).requires_grad_(),
        "labels": labels[:, own].reshape(-1),
        "ignore": ignore[:, own].reshape(-1),
        "deltas": deltas[:, own].reshape(-1, 4).requires_grad_(),
        "targets": targets[:, own].reshape(-1, 4),
    }
    index = torch.arange(len(own))[None, :, None].expand(2, len(own), ANCHORS).reshape(-1)
    found = (flat["labels"] < CLASSES).nonzero().squeeze(1)
    flat["extras"] = {
        "image_index": index,
        "pred_deltas": flat["deltas"][found],
        "target_deltas": torch.zeros(len(found), 4, dtype=torch.float64),
        "avg_factor": torch.tensor(float(positive.sum()) / IMAGES * len(own)),
    }
    flat["boxes"] = (flat["targets"] + flat["deltas"])[found]
    flat["targets"] = flat["targets"][found]
    return flat


def gradients(part, scope, images=range(IMAGES), box="iou", balance="self-iteration"):
    """The gradients of the sum of all losses by the logits and by the boxes, image by image."""
    given = batch(images)
    weighted = {"type": "giou", "weighting": box}
    criterion = Criterion(PARTS[part](), build_box(weighted), build_balance({"type": balance}))
    set_rank_scope(criterion, scope)
    names = ("logits", "labels", "ignore", "boxes", "targets", "extras")
    losses = criterion(*(given[name] for name in names))
    sum(value for name, value in losses.items() if "loss" in name).backward()
    shape = (2, len(list(images)), ANCHORS, -1)
    return [given[name].grad.reshape(shape) for name in ("logits", "deltas")]


def of_all_cases(rank):
    own = range(2 * rank, 2 * rank + 2)
    found = {("image", part): gradients(part, "image", own) for part in PARTS}
    found |= {("batch", part): gradients(part, "batch", own) for part in PARTS}
    return found | {("gpu", part): gradients(part, "gpu", own) for part in PARTS}


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory):
    """The mean over two processes of 2 images, as DistributedDataParallel takes it."""
    first, second = results_of(of_all_cases, tmp_path_factory.mktemp("gloo"))
    return {
        case: [torch.cat(pair, 1) / 2 for pair in zip(first[case], second[case], strict=True)]
        for case in first
    }


def assert_same(found, expected):
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-9)
    assert all(values.abs().sum() > 0 for values in expected)


@pytest.mark.parametrize("part", PARTS)
def test_ranked_within_images_two_processes_of_two_images_are_one_of_four(part, two_processes):
    assert_same(two_processes["image", part], gradients(part, "image"))


@pytest.mark.parametrize("part", PARTS)
def test_ranked_in_the_batch_two_processes_are_one(part, two_processes):
    assert_same(two_processes["batch", part], gradients(part, "batch"))


@pytest.mark.parametrize("part", PARTS)
def test_groups_of_two_images_in_one_process_are_two_processes(part, two_processes):
    assert_same(two_processes["gpu", part], gradients(part, "groups of 2"))


@pytest.mark.parametrize("part", ["ap", "rs", "ndcg"])
def test_each_process_by_itself_is_another_loss(part, two_processes):
    ours = two_processes["gpu", part][0]
    assert not torch.allclose(ours, gradients(part, "gpu")[0], rtol=1e-3)


def test_groups_keep_every_row_and_share_the_normaliser():
    given = batch()
    names = ("logits", "labels", "ignore", "boxes", "targets", "extras")
    problem = FlatProblem(*(given[name] for name in names))
    groups = image_groups(problem, 3)
    assert [len(group.labels) for group in groups] == [6 * ANCHORS, 2 * ANCHORS]
    assert sum(group.n_positives for group in groups) == problem.n_positives
    assert groups[0].extras["avg_factor"] == problem.extras["avg_factor"] / 2
    for group in groups:
        assert len(group.positives) == group.n_positives


def test_one_group_of_all_images_changes_nothing():
    for ours, theirs in zip(gradients("rs", "groups of 4"), gradients("rs", "gpu"), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("scope", ["gpus", "groups of 0", "groups of x", "", "image "])
def test_unknown_scopes_are_named(scope):
    with pytest.raises(ValueError, match=r"rank_scope is .* known are gpu, batch, image"):
        parse_scope(scope)
