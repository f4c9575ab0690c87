"""The loss that users copy: it is one, and nothing has to be edited for it to be planned."""

import importlib.util
import shutil

import pytest

from workflows.study import cards, hashing
from workflows.study.places import LOSSES


def test_a_copy_of_the_template_is_a_loss(tmp_path):
    path = tmp_path / "mine.py"
    shutil.copy(LOSSES / "_template.py", path)
    path.write_text(path.read_text().replace('"name": "template"', '"name": "mine"'))
    loss = cards.load_loss("mine", tmp_path)
    assert loss.variant("sharp")["classification"] == {"type": "MyLoss", "gamma": 4.0}
    assert hashing.classification_grains(loss, "MyLoss", hashing.our_tree())


def test_the_template_is_not_in_the_list_of_losses():
    assert "_template" not in cards.loss_names()


def test_the_template_learns():
    torch = pytest.importorskip("torch")
    spec = importlib.util.spec_from_file_location("template", LOSSES / "_template.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    loss = module.MyLoss(gamma=1.0)
    logits = torch.zeros(4, requires_grad=True)
    value = loss(logits, torch.tensor([1, 0, 0, -1]))
    value.backward()
    # Three counted logits at p = ½: each softplus(0) · ½, over one positive.
    assert value.item() == pytest.approx(3 * 0.5 * torch.log(torch.tensor(2.0)).item())
    assert logits.grad[0] < 0 < logits.grad[1]
    assert logits.grad[3] == 0
    nothing = loss(logits, torch.tensor([0, 0, 0, -1]))
    assert nothing.isfinite()
