"""The comparison of devices: every loss passes on the CPU, and a wrong one is found."""

import pytest
import torch

from rankdet.gpu_check import correctness, kernels
from rankdet.gpu_check.cases import problems
from rankdet.losses import functional
from tests.gpu_check.contexts import context


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
    rows = list(correctness.rows(context(tmp_path)))
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


def test_the_form_is_switched_on_for_the_device_alone(tmp_path, monkeypatch):
    seen = []

    def watch(logits, labels, ious, **options):
        seen.append(kernels.os.environ[kernels.SWITCH])
        return functional.ap_loss(logits, labels, **options)

    monkeypatch.setitem(correctness.LOSSES, "ap", watch)
    monkeypatch.setattr(correctness.Context, "on_gpu", True)
    monkeypatch.delenv(kernels.SWITCH, raising=False)
    correctness.compare("ap", "fused", context(tmp_path))
    assert set(seen[::2]) == {"off"} and set(seen[1::2]) == {"on"}
    assert kernels.SWITCH not in kernels.os.environ


def test_fused_rows_appear_when_the_kernels_are_built(tmp_path, monkeypatch):
    monkeypatch.setattr(kernels, "built", lambda: True)
    monkeypatch.setattr(correctness, "LOSSES", {"ap": correctness.LOSSES["ap"]})
    rows = list(correctness.rows(context(tmp_path)))
    assert [(row["form"], row["status"]) for row in rows] == [
        ("plain", "measured"),
        ("fused", "skipped"),
    ]


def test_half_precision_is_compared_within_its_rounding():
    case = next(c for c in correctness.cases("ap", "tiny") if c.dtype == torch.bfloat16)
    loss, gradient = correctness.evaluate("ap", case, "cpu")
    assert loss.dtype == gradient.dtype == torch.float64
    assert torch.equal(gradient, gradient.bfloat16().double())
