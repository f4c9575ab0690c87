"""The recipe for torchvision, with its RetinaNet and FCOS."""

import pytest
import torch

from tests.recipes.pages import run

try:
    import torchvision  # noqa: F401
except Exception as error:  # one for another PyTorch raises RuntimeError
    pytest.skip(f"needs torchvision of the same PyTorch: {error}", allow_module_level=True)

IMAGES = torch.rand(2, 3, 96, 96, generator=torch.Generator().manual_seed(0))
TARGETS = [
    {"boxes": torch.tensor([[8.0, 8, 60, 70], [40, 30, 90, 90]]), "labels": torch.tensor([0, 2])},
    {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)},
]


@pytest.mark.parametrize("name", ["model", "fcos"])
def test_a_detector_of_torchvision_trains_two_steps(name):
    torch.manual_seed(0)
    model = run("torchvision.md")[name].train()
    model.transform.min_size, model.transform.max_size = (96,), 96
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    head = [p for key, p in model.named_parameters() if "head" in key]
    before = [p.detach().clone() for p in head]
    for _ in range(2):
        losses = model(list(IMAGES), TARGETS)
        assert {"loss_rank", "loss_sort", "loss_bbox"} <= losses.keys()
        assert ("loss_centerness" in losses) is (name == "fcos")
        loss = sum(losses.values())
        assert loss.isfinite() and loss > 0
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert all((p != b).any() for p, b in zip(head, before, strict=True))
    assert any("criterion.balance.weight" in key for key in model.state_dict())
    found = model.eval()([IMAGES[0]])
    assert found[0]["boxes"].shape[1] == 4
