"""The comparison of devices: every loss passes on the CPU, and a wrong one is found."""

import inspect
import os
import re
import sys

import pytest
import torch

from rankdet.gpu_check import correctness, kernels
from rankdet.gpu_check.cases import problems
from rankdet.losses import functional
from rankdet.losses.device import KERNELS
from tests.gpu_check.contexts import context

MODULES = [
    sys.modules[f"rankdet.losses.{name}"] for name in ("ap", "alrp", "rank_sort", "ape", "pairwise")
]


def test_cases_have_what_they_say():
    found = {problem.name: problem for problem in problems("tiny")}
    assert all((p.labels == 1).sum() == len(p.ious) for p in found.values())
    assert (found["ignored logits"].labels == -1).any()
    assert len(found["ties"].logits.unique()) < len(found["ties"].logits) / 4
    perfect = found["perfect ranking"]
    positive = perfect.labels == 1
    assert perfect.logits[positive].min() > perfect.logits[~positive].max()
    assert not (found["no negatives"].labels == 0).any()
    assert not (found["no positives"].labels == 1).any()
    largest = max(len(problem.logits) for problem in problems("full"))
    assert largest == 100_000 > max(len(problem.logits) for problem in found.values())


def test_every_loss_passes_where_it_is_compared_with_itself(tmp_path):
    skipped, *rows = correctness.rows(context(tmp_path))
    assert skipped["status"] == "skipped"
    assert [row["loss"] for row in rows] == list(correctness.LOSSES)
    assert all(row["passed"] and row["status"] == "measured" for row in rows)
    assert all(row["worst_loss"] == row["worst_gradient"] == 0 for row in rows)
    with_delta = next(row for row in rows if row["loss"] == "ap")
    assert with_delta["cases"] == 2 * next(r for r in rows if r["loss"] == "ape")["cases"]


@pytest.mark.parametrize("fault", ["scale", "nan", "gradient"])
def test_a_wrong_device_path_is_found(fault, tmp_path, monkeypatch):
    calls = []

    def wrong(logits, labels, ious, **options):
        calls.append(logits.shape)
        loss = functional.ap_loss(logits, labels, **options)
        if len(calls) % 2:  # the reference comes first
            return loss
        if fault == "gradient":
            return loss + 1e-3 * (logits.float() - logits.detach().float()).sum()
        return loss * (1.001 if fault == "scale" else float("nan"))

    monkeypatch.setitem(correctness.LOSSES, "ap", wrong)
    row = correctness.compare("ap", "plain", context(tmp_path))
    assert row["status"] == "failed" and not row["passed"]
    assert row["reason"].startswith("differs in ") and row["wrong"]
    assert row["worst_gradient"] > 1e-4
    assert any("early" in name for name in row["wrong"])


def test_the_kernels_are_switched_on_for_the_device_alone(tmp_path, monkeypatch):
    seen = []

    def watch(logits, labels, ious, **options):
        seen.append(os.environ[KERNELS])
        return functional.dr_loss(logits, labels)

    monkeypatch.setitem(correctness.LOSSES, "ap", watch)
    monkeypatch.delenv(KERNELS, raising=False)
    correctness.compare("ap", "fused", context(tmp_path))
    assert set(seen[::2]) == {"off"} and set(seen[1::2]) == {"on"}
    assert KERNELS not in os.environ


def test_forms_that_cannot_run_are_one_row(monkeypatch):
    items = [{"loss": loss, "form": form} for loss in ("ap", "dr") for form in kernels.forms(loss)]
    assert [item["form"] for item in items] == ["plain", "fused", "plain"]
    skipped, left = kernels.runnable(items, "cpu")
    assert [row["reason"] for row in skipped] == ["fused kernels need a GPU"]
    assert left == [items[0], items[2]]
    monkeypatch.setattr(kernels, "has_triton", lambda: True)
    assert kernels.runnable(items, "cuda:0") == ([], items)
    monkeypatch.setattr(kernels, "has_triton", lambda: False)
    assert "Triton" in kernels.runnable(items, "cuda:0")[0][0]["reason"]


def test_every_loss_with_kernels_is_known():
    """The kernels of `rankdet.losses` are called by the losses that have a form `fused` here."""
    called = {
        (module.__name__.rpartition(".")[2], name)
        for module in MODULES
        for name in re.findall(r"kernels\.(\w+)\(", inspect.getsource(module))
    }
    known = {loss for loss in correctness.LOSSES if "fused" in kernels.forms(loss)}
    assert called == {
        ("ap", "ap"),
        ("alrp", "alrp"),
        ("rank_sort", "rank_sort"),
        ("ape", "ape"),
        ("pairwise", "ap"),
    }
    assert known == {"ap", "alrp", "rank_sort", "ape", "ape, official", "pairwise, step"}


def test_digits_from_cancellation_do_not_count(tmp_path, monkeypatch):
    calls = []

    def tiny(logits, labels, ious, **options):
        calls.append(1)
        return logits.float().sum() * 0 + 1e-13 * (1 + len(calls) % 2)

    monkeypatch.setitem(correctness.LOSSES, "ndcg", tiny)
    assert correctness.compare("ndcg", "plain", context(tmp_path))["passed"]


def test_half_precision_is_compared_within_its_rounding():
    case = next(c for c in correctness.cases("ap", "tiny") if c.dtype == torch.bfloat16)
    loss, gradient = correctness.evaluate("ap", case, "cpu")
    assert loss.dtype == gradient.dtype == torch.float64
    assert torch.equal(gradient, gradient.bfloat16().double())
