"""The examples in the docstrings of the public losses run as they are printed."""

import doctest
import importlib

import pytest

MODULES = ("", ".alrp", ".ap", ".ape", ".criterion", ".dr", ".error_driven_loss", ".ndcg")
MODULES += (".pairwise", ".rank_sort")


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_run(name):
    found = doctest.testmod(importlib.import_module(f"rankdet.losses{name}"))
    assert found.attempted > 0
    assert found.failed == 0
