"""A user's loss is tried on random tensors: each fault is one line with file and line."""

import random
import re

import numpy as np
import pytest
import torch

from rankdet.detectors.trial import random_problem, try_losses
from rankdet.errors import InputError
from rankdet.training.environment import set_up

HEAD = "import torch\nfrom torch import nn\n\n\nclass MyLoss(nn.Module):\n"  # line 6 follows
FORWARD = "    def forward(self, x, y):\n"  # line 6
GOOD = "        return nn.functional.softplus(torch.where(y == 1, -x, x)).sum() / (y == 1).sum()\n"
FAULTS = {
    "tuple": (FORWARD + "        return x.mean(), y\n", 6, "loss_cls is a tuple; return one"),
    "dict": (FORWARD + "        return {'a': x.mean()}\n", 6, "loss_cls is a dict; return one"),
    "float": (FORWARD + "        return x.mean().item()\n", 6, "loss_cls is a float; return one"),
    "shapes that do not fit": (FORWARD + "        return x[:3] * y[:5]\n", 7, "RuntimeError"),
    "several values": (FORWARD + "        return x.sigmoid()\n", 6, "shape (512,); return a scal"),
    "too few arguments": ("    def forward(self, x):\n        return x.mean()\n", 6, "called with"),
    "too many arguments": ("    def forward(self, x, y, z):\n        pass\n", 6, "called with"),
    "no method": ("    def forwards(self, x, y):\n        return x.mean()\n", 6, "has neither"),
    "detached": (FORWARD + "        return x.mean().detach()\n", 6, "has no gradient"),
    "exception": (FORWARD + "        raise KeyError('k')\n", 7, "KeyError: 'k'"),
    "input in place": (FORWARD + "        x.mul_(2)\n" + GOOD, 6, "changes its input in place"),
    "labels in place": (FORWARD + "        y.clamp_(min=0)\n" + GOOD, 6, "its input in place"),
    "in place without gradient": (
        FORWARD + "        with torch.no_grad():\n            x.sub_(1)\n" + GOOD,
        6,
        "changes its input in place",
    ),
    "box in place": (
        "    def terms(self, p):\n        p.pred_boxes.mul_(2)\n"
        "        return {'loss_a': p.logits.sum()}\n",
        6,
        "changes its input in place",
    ),
    "value is NaN": (FORWARD + "        return (x - 9).log().mean()\n", 6, "loss_cls is nan on"),
    "gradient is NaN": (
        FORWARD + "        return torch.where(x > 50, torch.sqrt(x - 50), x).mean()\n",
        6,
        "gradient is not, at 512 of 512",
    ),
    "only own weights": (
        "    def __init__(self):\n        super().__init__()\n"
        "        self.w = nn.Parameter(torch.ones(1))\n"
        "    def forward(self, x, y):\n        return self.w.sum()\n",
        9,
        "has no gradient at the logits",
    ),
    "constructor": ("    def __init__(self):\n        1 / 0\n", 7, "ZeroDivisionError"),
    "missing argument": ("    def __init__(self, gamma):\n        pass\n", 6, "'gamma'"),
    "unknown entry of the problem": (
        "    def terms(self, problem):\n        return {'loss_cls': problem.iou}\n",
        7,
        "no attribute 'iou'",
    ),
}


@pytest.fixture(scope="module", autouse=True)
def _registered():
    set_up({"device": "cpu", "threads": 1})


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """A user's folder as the current one: losses in it have relative paths, as in a study."""
    (tmp_path / "losses").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def model(file="losses/mine.py", classes=8, card=None):
    card = card or {"name": "mine", "classification": {"type": "MyLoss"}}
    return {"bbox_head": {"num_classes": classes, "criterion": {"card": card, "loss_file": file}}}


def numpy_state():
    return np.random.get_state()[1].tolist()  # noqa: NPY002  (mmcv draws from it)


def try_text(lab, text, note=None):
    (lab / "losses/mine.py").write_text(text)
    try_losses(model(), "cpu", note)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_one_line_with_file_and_line(lab, fault):
    body, line, told = FAULTS[fault]
    with pytest.raises(InputError, match=re.escape(told)) as error:
        try_text(lab, HEAD + body)
    assert str(error.value).startswith(f"losses/mine.py:{line}: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("VALUE = int('x')", "ValueError"),
        ("if True:\n    import no_such_module", "ModuleNotFoundError"),
        ("raise RuntimeError('two\\nlines')", "RuntimeError: two lines"),
    ],
)
def test_a_file_that_cannot_be_imported_is_one_line(lab, statement, told):
    with pytest.raises(InputError, match=told) as error:
        try_text(lab, f"{statement}\n{HEAD}{FORWARD}{GOOD}")
    assert re.match(r"losses/mine\.py:[12]: ", str(error.value))
    assert "\n" not in str(error.value)


def test_a_fault_in_a_module_of_the_user_has_the_place_there(lab):
    (lab / "trial_helpers").mkdir()
    (lab / "trial_helpers/maths.py").write_text("def half(x):\n    return x.halve()\n")
    body = HEAD.replace("import torch\n", "import torch\nfrom trial_helpers import maths\n")
    with pytest.raises(InputError, match=r"AttributeError.*halve") as error:
        try_text(lab, body + FORWARD + "        return maths.half(x)\n")
    assert str(error.value).startswith("trial_helpers/maths.py:2: ")


def test_a_loss_that_trains_passes_and_draws_nothing(lab):
    before = random.getstate(), numpy_state(), torch.get_rng_state()
    notes = []
    body = "    def __init__(self):\n        super().__init__()\n        self.w = nn.Linear(2, 2)\n"
    good = FORWARD + GOOD.replace("sum()\n", "sum().clamp(min=1)\n")
    draws = "        torch.rand(3); import numpy, random; numpy.random.rand(); random.random()\n"
    try_text(lab, HEAD + body + good.replace(FORWARD, FORWARD + draws), notes.append)
    assert notes == []
    assert random.getstate() == before[0]
    assert numpy_state() == before[1]
    assert torch.equal(torch.get_rng_state(), before[2])


def test_the_trial_leaves_no_trace_in_the_class_of_the_training(lab):
    (lab / "losses/mine.py").write_text(
        HEAD + "    calls = 0\n" + FORWARD + "        MyLoss.calls += 1\n" + GOOD
    )
    from rankdet.detectors.criteria import build_criterion

    settings = model()
    criterion = build_criterion(**settings["bbox_head"]["criterion"])
    try_losses(settings, "cpu")
    assert type(criterion.classification).calls == 0


def test_a_batch_without_positives_is_a_note(lab):
    notes = []
    try_text(lab, HEAD + FORWARD + GOOD, notes.append)  # 0 / 0
    assert len(notes) == 1
    assert "without positives" in notes[0] and "losses/mine.py:6: loss_cls is inf" in notes[0]


def test_every_head_is_tried_with_its_number_of_classes(lab):
    (lab / "losses/mine.py").write_text(
        HEAD + FORWARD + "        raise ValueError(f'{len(x)} logits')\n"
    )
    found = model()
    found["rpn_head"] = {"criterion": found["bbox_head"]["criterion"]}
    with pytest.raises(InputError, match="512 logits"):
        try_losses(found, "cpu")
    del found["bbox_head"]
    with pytest.raises(InputError, match="64 logits"):
        try_losses({"stages": [found]}, "cpu")


def test_losses_of_the_package_are_not_tried():
    card = {"name": "ap", "classification": {"type": "APLoss"}}
    assert try_losses(model(None, card=card), "no device") is None  # it would be an error


def test_the_random_batch_is_the_same_in_every_call():
    first, second = (random_problem(3, "cpu", 5) for _ in range(2))
    assert torch.equal(first[0], second[0])
    labels, ignore, predicted, target = first[1][1:]
    assert int((labels < 3).sum()) == 5 == len(predicted) == len(target)
    assert not ignore[labels < 3].any()
