"""The examples in the docstrings of the public losses run as they are printed."""

import doctest
import importlib
import inspect

import pytest

from rankdet import losses

MODULES = ("", ".alrp", ".ap", ".ape", ".boxes", ".class_labels", ".criterion", ".dr")
MODULES += (".error_driven_loss", ".flat_problem", ".modules", ".ndcg", ".pair_modules")
MODULES += (".pairwise", ".rank_sort")


NDCG = losses.NDCGLoss  # its arguments are those of the base class


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_run(name):
    found = doctest.testmod(importlib.import_module(f"rankdet.losses{name}"))
    assert found.attempted > 0
    assert found.failed == 0


def test_every_loss_has_an_example_and_says_what_it_takes():
    kinds = [getattr(losses, name) for name in losses.__all__ if name.endswith("Loss")]
    kinds.remove(losses.RankingLoss)
    functions = [getattr(losses.functional, name) for name in losses.functional.__all__]
    for one in (*kinds, *functions):
        assert ">>>" in one.__doc__, one
    for kind in kinds:
        taken = set(inspect.signature(kind.__init__).parameters) - {"self"}
        text = kind.__doc__ + (losses.ErrorDrivenRankingLoss.__doc__ if kind is NDCG else "")
        assert [name for name in taken if f"{name}:" not in text] == [], kind
