"""The benchmark: the loops compute the same losses as ours, and the command reports the times."""

import json

import pytest
import torch

from rankdet import cli
from rankdet.losses import benchmark, functional
from rankdet.losses.reference_loops import LOOPED
from rankdet.machine import processor_name


@pytest.mark.parametrize("stage", benchmark.STAGES)
@pytest.mark.parametrize("name", LOOPED)
def test_loops_compute_the_same(name, stage):
    problem = benchmark.draw_batch(30, 3000, stage)
    loss, gradient = benchmark.ours("ape_official" if name == "ape" else name, problem)
    *losses, by_loop = benchmark.looped(name, problem)
    losses = losses[:1] if name == "alrp" else losses
    assert loss.item() == pytest.approx(sum(losses).item(), rel=1e-4, abs=1e-5)
    torch.testing.assert_close(gradient, by_loop, rtol=1e-4, atol=1e-6)


def test_rows_and_means():
    rows = list(benchmark.measure(["ap"], [(20, 2000)], rounds=1))
    assert [row["stage"] for row in rows] == list(benchmark.STAGES)
    for row in rows:
        assert row["ratio"] == pytest.approx(row["looped_ms"] / row["ms"])
        assert row["rounds"] == 1
    assert benchmark.geometric_mean([2.0, 8.0]) == pytest.approx(4)


@pytest.mark.parametrize(("loss", "form"), [("ape", "stable"), ("ape_official", "official")])
def test_each_form_of_ape_is_its_own_loss(loss, form):
    problem = benchmark.draw_batch(30, 3000, "late")
    expected = functional.ape_loss(problem.logits, problem.labels, problem.ious, numerics=form)
    assert benchmark.ours(loss, problem)[0] == expected
    torch.testing.assert_close(benchmark.looped(loss, problem), benchmark.looped("ape", problem))


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(benchmark, "SIZES", ((10, 1000), (20, 2000)))
    monkeypatch.setattr(benchmark, "GROWTH_SIZES", ((5, 500), (5, 1000), (10, 500)))


def test_command(small, tmp_path, capsys):
    out = tmp_path / "new" / "losses.json"
    assert cli.main(["bench", "losses", "--quick", "--out", str(out)]) == 0
    record = json.loads(out.read_text())
    named = ["ap", "alrp", "rank_sort", "ape"]
    assert [row["loss"] for row in record["rows"]] == [name for name in named for _ in range(3)]
    assert {row["logits"] for row in record["rows"]} == {1000}
    assert list(record["growth"]) == named
    assert record["clock"] == "processor time"
    assert record["hardware"]["cpu"] == processor_name()
    assert {"commit", "dirty", "when", "load"} <= set(record)
    printed = capsys.readouterr().out
    assert "geometric mean" in printed
    for name in named:
        assert f"{name}: time x " in printed


def test_command_names_an_unknown_loss(capsys):
    assert cli.main(["bench", "losses", "--loss", "focal"]) == 2
    assert "rank_sort" in capsys.readouterr().err
