"""The recipes that need PyTorch alone."""

import pytest
import torch

from tests.recipes.pages import run


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def test_plain_pytorch():
    found = run("pytorch.md")
    assert found["value"].item() < 0.9  # .99 before the 20 steps
    assert found["boxes"].grad.abs().sum() > 0
    assert found["losses"]["loss_cls"].requires_grad and found["losses"]["num_pos"] == 5
    assert found["loss_loc"] > 0 and found["ape"] > 0
    assert found["found_boxes"].grad.abs().sum() > 0
    assert found["entropy"] > 0


def test_class_indices_and_soft_targets():
    found = run("targets.md")
    gradient = found["pred_logits"].grad
    assert gradient[3].abs().sum() == 0  # the ignored anchor
    assert gradient[0, 2] < 0 and gradient[4, 0] < 0  # the objects rise
    assert found["pred_scores"].grad[0, 10, 1] < 0
    assert found["losses"]["num_pos"] == 2
    assert found["ap"] > 0 and found["ape"] > 0


def test_a_group_for_each_decoder_layer():
    found = run("detr.md", slice(2))
    targets, logits = found["targets"], found["logits"]
    apart = [sum(found["RankSortLoss"]()(x, y)) for x, y in zip(logits, targets, strict=True)]
    together = found["ranking"] + found["sorting"]
    torch.testing.assert_close(together, torch.stack(apart).mean())
    assert (logits.grad[:, 0, 7, 2] < 0).all()
    labels = [{"class_labels": torch.tensor([1]), "boxes": torch.tensor([[0.5, 0.5, 0.4, 0.4]])}]
    boxes = torch.rand(1, 20, 4) / 2 + 0.2
    layers = [(torch.zeros(1, 20, 4, requires_grad=True), boxes) for _ in range(2)]
    found["set_loss"](layers, labels).backward()
    for logits, _ in layers:
        matched = found["soft_targets"](logits, boxes, labels) > 0
        assert matched.sum() == 1 and logits.grad[matched] < 0


def test_hugging_face():
    pytest.importorskip("transformers", reason="needs Hugging Face Transformers")
    found = run("detr.md", slice(3))
    gradients = [p.grad for p in found["detr"].parameters() if p.grad is not None]
    assert len(found["layers"]) == 2 and found["ranked"] > 0
    assert sum(gradient.abs().sum() for gradient in gradients) > 0
