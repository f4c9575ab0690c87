"""Losses that cannot train: one line with the file and the line, instead of a wrong run."""

import re

import pytest
import torch

from rankdet.detectors.criteria import build_criterion
from rankdet.detectors.loss_faults import located, located_in
from rankdet.errors import InputError

pytestmark = pytest.mark.usefixtures("environment")
HEAD = "import torch\nfrom torch import nn\n\n\nclass MyLoss(nn.Module):\n"  # line 6 follows
LABELS = torch.tensor([0, 2, 1, 2])


def train(folder, body, labels=LABELS):
    """Runs a loss forward and backward on four anchors and two classes; returns the losses."""
    path = folder / "mine.py"
    path.write_text(HEAD + body)
    criterion = build_criterion({"name": "mine", "classification": {"type": "MyLoss"}}, path)
    positives = int((labels < 2).sum())
    logits = torch.zeros(4, 2, requires_grad=True)
    boxes = torch.tensor([[0.0, 0.0, 9.0, 9.0]]).repeat(positives, 1).requires_grad_()
    with located(criterion.classification, path):
        losses = criterion(
            logits, labels, torch.zeros(4, dtype=torch.bool), boxes, boxes.detach() + 1
        )
        sum(value.sum() for name, value in losses.items() if "loss" in name).backward()
    return losses


@pytest.mark.parametrize(
    ("body", "line", "message"),
    [
        ("    def forward(self, x, y):\n        return x.sigmoid()\n", 6, r"shape \(8,\)"),
        ("    def forward(self, x, y):\n        return x.sum().detach()\n", 6, "no gradient"),
        ("    def forward(self, x, y):\n        return torch.tensor(1.0)\n", 6, "no gradient"),
        ("    def forward(self, x, y):\n        return x.sum().item()\n", 6, "is a float"),
        ("    def forward(self, x, y):\n        return x.sum(), y\n", 6, "is a tuple"),
        ("    def forward(self, x, y):\n        return {'a': x.sum()}\n", 6, "is a dict"),
        ("    def forward(self, x, y):\n        pass\n", 6, "is None"),
        ("    def forward(self, x):\n        return x.sum()\n", 6, "too many positional"),
        ("    def forward(self, x, y, z):\n        return x.sum()\n", 6, "argument: 'z'"),
        ("    def forward(self, x, y):\n        return x.sum() * 1j\n", 6, "is a complex number"),
        ("    def forward(self, x, y):\n        exit(0)\n", 7, r"sys\.exit\(0\); remove"),
        ("    def terms(self, problem):\n        return [1, 2]\n", 6, "terms returned a list"),
        ("    def terms(self, p):\n        return {'loss_a': p.logits}\n", 6, "loss_a is a tensor"),
        ("    def terms(self):\n        return {}\n", 6, "called with \\(problem\\)"),
        ("    def forward(self, x, y):\n\n        return x[99].sum()\n", 8, "IndexError"),
        ("    def forward(self, x, y):\n        return (x @ y).sum()\n", 7, "RuntimeError"),
    ],
)
def test_the_fault_is_one_line_with_file_and_line(tmp_path, body, line, message):
    with pytest.raises(InputError, match=message) as error:
        train(tmp_path, body)
    assert re.search(rf"mine\.py:{line}: ", str(error.value))
    assert "\n" not in str(error.value)


BACKWARD = """    def forward(self, x, y):
        return Broken.apply(x)


class Broken(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.sum()

    @staticmethod
    def backward(ctx, gradient):
        {}
"""


@pytest.mark.parametrize(
    ("statement", "line", "message"),
    [
        ("raise KeyError('x')", 17, "KeyError"),
        ("return torch.zeros(3)", 10, "RuntimeError: [Ff]unction BrokenBackward returned"),
        ("return gradient, gradient", 10, "RuntimeError: [Ff]unction BrokenBackward returned"),
    ],
)
def test_a_fault_of_a_backward_pass_has_file_and_line(tmp_path, statement, line, message):
    with (
        pytest.raises(InputError, match=message) as error,
        located_in(tmp_path / "mine.py"),
    ):
        train(tmp_path, BACKWARD.format(statement))
    assert re.search(rf"mine\.py:{line}: ", str(error.value))
    assert "\n" not in str(error.value)


def test_a_fault_of_the_constructor_has_file_and_line(tmp_path):
    body = "    def __init__(self):\n        self.x = nn.Linear(1, 1)\n"
    with pytest.raises(InputError, match=r"mine\.py:7: AttributeError: cannot assign module"):
        train(tmp_path, body)


def test_losses_that_train_are_not_touched(tmp_path):
    body = "    def forward(self, x, y):\n        return (x - y).square().mean().reshape(1)\n"
    losses = train(tmp_path, body)
    assert float(losses["loss_cls"].detach()) == 2 / 8


def test_without_positives_a_loss_may_be_constant(tmp_path):
    body = "    def forward(self, x, y):\n        return torch.zeros(())\n"
    losses = train(tmp_path, body, torch.full((4,), 2))
    assert float(losses["loss_cls"]) == 0


def test_errors_of_other_files_keep_their_kind(tmp_path):
    with pytest.raises(ZeroDivisionError), located(torch.nn.Module(), tmp_path / "mine.py"):
        1 / 0  # noqa: B018
