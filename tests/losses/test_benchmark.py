"""The benchmark: the loops compute the same losses as ours, and the command reports the times."""

import json

import pytest
import torch

from rankdet import cli
from rankdet.losses import benchmark
from rankdet.losses.reference_loops import LOOPED


@pytest.mark.parametrize("stage", benchmark.STAGES)
@pytest.mark.parametrize("name", LOOPED)
def test_loops_compute_the_same(name, stage):
    problem = benchmark.draw_batch(30, 3000, stage)
    loss, gradient = benchmark.ours(name, problem, numerics="official")
    *losses, by_loop = benchmark.looped(name, problem)
    losses = losses[:1] if name == "alrp" else losses
    assert loss.item() == pytest.approx(sum(losses).item(), rel=1e-4, abs=1e-5)
    torch.testing.assert_close(gradient, by_loop, rtol=1e-4, atol=1e-6)


def test_rows_and_means():
    rows = list(benchmark.measure(["ap"], [(20, 2000)], repeats=1))
    assert [row["stage"] for row in rows] == list(benchmark.STAGES)
    for row in rows:
        assert row["ratio"] == pytest.approx(row["looped_ms"] / row["ms"])
    assert benchmark.geometric_mean([2.0, 8.0]) == pytest.approx(4)


def test_command(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(benchmark, "SIZES", ((10, 1000),))
    monkeypatch.setitem(cli.COMMANDS, "bench", "bench")
    out = tmp_path / "new" / "losses.json"
    assert cli.main(["bench", "losses", "--quick", "--loss", "ap", "--out", str(out)]) == 0
    record = json.loads(out.read_text())
    assert len(record["rows"]) == 3
    assert "geometric mean" in capsys.readouterr().out


def test_command_names_an_unknown_loss(monkeypatch, capsys):
    monkeypatch.setitem(cli.COMMANDS, "bench", "bench")
    assert cli.main(["bench", "losses", "--loss", "focal"]) == 2
    assert "rank_sort" in capsys.readouterr().err
