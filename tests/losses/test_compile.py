"""torch.compile: each loss is one opaque operator, so a training step has no graph break."""

import subprocess
import sys

import pytest
import torch

from rankdet.losses import functional

TARGETS = torch.tensor([0.7, 0.0, 0.0, 0.4, -1.0, 0.0] * 40)
LABELS = TARGETS.sign().long()
IOUS = TARGETS[TARGETS > 0]

LOSSES = {
    "ap": lambda x: functional.ap_loss(x, LABELS),
    "alrp": lambda x: sum(functional.alrp_loss(x, LABELS, 1 - IOUS)),
    "rank_sort": lambda x: sum(functional.rank_sort_loss(x, TARGETS)),
    "ape": lambda x: functional.ape_loss(x, LABELS, IOUS),
    "pairwise": lambda x: functional.pairwise_error_loss(x, LABELS, distance="sigmoid"),
}


OPERATORS_OF_PYTORCH = pytest.mark.skipif(
    not hasattr(torch.library, "custom_op"), reason="needs PyTorch 2.4"
)


@OPERATORS_OF_PYTORCH
@pytest.mark.parametrize("name", LOSSES)
def test_registered_operators_are_well_formed(name):
    """PyTorch's own check of schema, shapes without data, and aliasing."""
    logits = torch.randn(240, generator=torch.Generator().manual_seed(0))
    op = getattr(torch.ops.rankdet, OPERATORS[name][0])
    torch.library.opcheck(op, (logits, *OPERATORS[name][1]), test_utils=CHECKS)


CHECKS = ("test_schema", "test_faketensor")
OPERATORS = {
    "ap": ("ap_loss", (LABELS, None, 1.0, True)),
    "alrp": ("alrp_loss", (LABELS, 1 - IOUS, None, 1.0, 1e-5, False)),
    "rank_sort": ("rank_sort_loss", (TARGETS, None, 0.5)),
    "ape": ("ape_loss", (LABELS, IOUS, None, 8.0, 100, False)),
    "pairwise": ("pairwise_error_loss", (LABELS, None, "sigmoid", True, 0.5, 8.0)),
}


@OPERATORS_OF_PYTORCH
@pytest.mark.slow
@pytest.mark.parametrize("backend", ["aot_eager", "inductor"])
@pytest.mark.parametrize("name", LOSSES)
def test_compiled_step_equals_the_eager_one_without_graph_break(name, backend):
    weights = torch.randn(5, generator=torch.Generator().manual_seed(0))
    features = torch.randn(240, 5, generator=torch.Generator().manual_seed(1))

    def step(w):
        return LOSSES[name](features @ w) * 2

    def run(function):
        leaf = weights.clone().requires_grad_()
        loss = function(leaf)
        loss.backward()
        return loss.item(), leaf.grad

    torch.compiler.reset()
    loss, gradient = run(torch.compile(step, fullgraph=True, backend=backend))
    expected, by_eager = run(step)
    assert loss == pytest.approx(expected, rel=1e-5)
    torch.testing.assert_close(gradient, by_eager, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_a_user_defined_loss_compiles_with_a_graph_break():
    logits = torch.randn(240, requires_grad=True)

    def step(x):
        return functional.ndcg_loss(x * 2, LABELS)

    compiled = torch.compile(step, backend="aot_eager")
    by_compiled = torch.autograd.grad(compiled(logits), logits)[0]
    assert compiled(logits).item() == step(logits).item()
    assert torch.equal(by_compiled, torch.autograd.grad(step(logits), logits)[0])


def test_the_compiler_is_not_loaded_if_nothing_is_compiled():
    """Loading it would add a second to every job of a study."""
    code = (
        "import sys, torch; from rankdet.losses import functional; "
        "logits, labels = torch.zeros(3, requires_grad=True), torch.tensor([1, 0, 0]); "
        "functional.ndcg_loss(logits, labels).backward(); "
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
