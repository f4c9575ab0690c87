"""`rankdet.losses` needs PyTorch alone, and says so."""

import subprocess
import sys

HEAVY = ("numpy", "pandas", "scipy", "pydantic", "pyarrow", "mmdet", "mmengine", "mmcv", "yaml")
TRAIN = """
import sys
for name in {heavy!r}:
    sys.modules[name] = None  # an import of it fails
import torch
from rankdet.losses import RankSortLoss, flat_labels
logits = torch.tensor([[2.0, 1.0]], requires_grad=True)
sum(RankSortLoss()(logits, flat_labels(torch.tensor([1]), 2))).backward()
print(logits.grad.abs().sum().item() > 0)
"""
WITHOUT = "import sys; sys.modules['torch'] = None; import rankdet.losses"


def python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def test_a_loss_trains_where_only_pytorch_can_be_imported():
    done = python(TRAIN.format(heavy=HEAVY))
    assert done.stdout == "True\n", done.stderr


def test_without_pytorch_the_extra_is_named():
    last = python(WITHOUT).stderr.splitlines()[-1]
    assert last == (
        "ModuleNotFoundError: rankdet.losses needs PyTorch, which is not installed: "
        "pip install torch"
    )
