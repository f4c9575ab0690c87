"""The loss that users copy: it is one, and nothing has to be edited for it to be planned."""

import importlib.util
import shutil

import pytest

from rankdet.commands.new import new_loss
from rankdet.errors import InputError
from rankdet.repository import LOSSES
from rankdet.study import cards
from rankdet.study.code import parts
from rankdet.study.code.tree import our_tree


def test_a_new_loss_is_one(tmp_path):
    shutil.copy(LOSSES / "_template.py", tmp_path)
    path = new_loss("mine", tmp_path)
    assert "template" not in path.read_text()
    loss = cards.load_loss("mine", tmp_path)
    assert not loss.card.keys() & {"paper", "authors", "citation", "url"}  # no text of ours
    assert loss.variant("sharp")["classification"] == {"type": "MyLoss", "gamma": 4.0}
    assert parts.classification(loss.path, "MyLoss", our_tree())


@pytest.mark.parametrize(("name", "told"), [("Mine", "lower-case letters"), ("mine", "exists")])
def test_a_new_loss_overwrites_nothing(tmp_path, name, told):
    shutil.copy(LOSSES / "_template.py", tmp_path)
    (tmp_path / "mine.py").write_text("kept")
    with pytest.raises(InputError, match=told):
        new_loss(name, tmp_path)
    assert (tmp_path / "mine.py").read_text() == "kept"


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
