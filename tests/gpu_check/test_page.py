"""The page and the plots, from a record with all parts and every kind of row."""

import pytest
from matplotlib.figure import Figure

from rankdet.gpu_check import page, plots
from rankdet.gpu_check.parts import PARTS
from rankdet.gpu_check.record import GpuRecord
from rankdet.gpu_check.tables import tables

AT = {"positives": 5, "logits": 100, "stage": "early", "status": "measured"}
TRAINED = {"detector": "atss", "loss": "ap", "status": "measured", "train_seconds": 2.0}
ROWS = {
    "correctness": [
        {"loss": "ap", "form": "plain", "status": "measured", "cases": 8, "worst_loss": 1e-7},
        {"loss": "alrp", "form": "plain", "status": "failed", "reason": "differs in 1 cases"},
    ],
    "losses": [
        {"loss": "copy", "form": "copy", **AT, "ms": 0.5, "peak_mb": 1.0},
        {"loss": "copy", "form": "graph", **AT, "ms": 0.25, "peak_mb": 1.0},
        {"loss": "ap", "form": "plain", **AT, "ms": 2.0, "peak_mb": 3.0},
        {"loss": "ap", "form": "graph", **AT, "ms": 1.0, "peak_mb": 2.0},
        {"loss": "ap", "form": "looped", **AT, "ms": 64.0, "peak_mb": 4.0},
        {"loss": "all", "form": "fused", "status": "skipped", "reason": "need a GPU"},
        *({"loss": f"l{n}", **AT, "status": "not reached"} for n in range(15)),
    ],
    "iterations": [
        {"detector": "atss", "loss": "rs", "form": "plain", "precision": p, "status": "measured"}
        | {"ms": 10.0, "ratio": 1.25}
        for p in ("fp32", "bf16")
    ],
    "loader": [],
    "modes": [],
    "trainings": [
        {**TRAINED, "seed": 1, "AP": 0.2, "oLRP": 0.9, "outcome": "trained"},
        {**TRAINED, "seed": 2, "AP": 0.4, "oLRP": 0.7, "outcome": "collapsed"},
    ],
}


@pytest.fixture
def record():
    return GpuRecord.of(
        settings={"minutes": 8},
        hardware={"gpu": "Card X", "cpu": "c"},
        versions={"torch": "2"},
        started="2026-11-26",
        parts=[
            {
                "name": name,
                "title": part.title,
                "status": "cut" if name == "modes" else "finished",
                "reason": "stopped after 3 s" if name == "modes" else None,
                "budget_s": 1.0,
                "seconds": 1.0,
                "rows": ROWS[name],
            }
            for name, part in PARTS.items()
        ],
    )


def test_the_page_has_every_part_and_what_was_not_measured(record):
    text = page.page(record, {"losses": "x-losses.png"}, "x")
    assert text.startswith("# GPU check: Card X\n")
    for part in PARTS.values():
        assert f"## {part.title}\n" in text
    assert "![Time of the losses](x-losses.png)" in text
    assert "- alrp, plain: differs in 1 cases" in text
    assert "- all, fused: need a GPU" in text
    assert "Not reached (15):" in text and "- and 3 more" in text
    assert "**cut**: stopped after 3 s" in text
    assert "| losses | finished | 1.0 | 1 | 5 | 15 | 0 | 1 |" in text


def test_forms_stand_side_by_side(record):
    measured = [row for row in ROWS["losses"] if row["status"] == "measured"]
    (heads, body), (memory_heads, memory) = tables("losses", measured)
    forms = ["plain", "graph", "looped", "copy", "copy graph"]
    assert heads == ["loss", "P", "N", "stage", *(f"{form}, ms" for form in forms)]
    assert body == [["ap", "5", "100", "early", "2", "1", "64", "0.5", "0.25"]]
    assert memory_heads[-1] == "copy graph, MB" and memory[0][4:] == ["3", "2", "4", "1", "1"]


def test_trainings_are_summed_up_over_seeds(record):
    ((heads, body),) = tables("trainings", ROWS["trainings"])
    row = dict(zip(heads, body[0], strict=True))
    assert (row["seeds"], row["mean AP"], row["lowest"], row["highest"]) == (
        "2",
        "0.3",
        "0.2",
        "0.4",
    )
    assert row["sd"] == "0.1414" and row["not trained"] == "1" and row["s per training"] == "2"


def test_plots_are_written_and_one_that_fails_is_left_out(record, tmp_path, monkeypatch):
    def broken(figure, rows):
        raise ZeroDivisionError("no bars")

    monkeypatch.setitem(plots.PLOTS, "iterations", broken)
    page.write_page(record, tmp_path, "x", tmp_path / "x.log")
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"x.md", "x-losses.png", "x-trainings.png", "x.log"}
    assert "no bars" in (tmp_path / "x.log").read_text()
    assert "x-iterations.png" not in (tmp_path / "x.md").read_text()


def test_a_form_looks_the_same_in_each_panel_and_the_legend_has_all_forms():
    forms = {"ap": ("plain", "bucketed", "looped"), "ape": ("plain", "looped")}
    rows = [
        {**AT, "loss": loss, "form": form, "ms": 1.0}
        for loss, some in forms.items()
        for form in some
    ]
    figure = Figure()
    plots.losses(figure, rows)
    first, second = figure.axes
    colours = {line.get_marker(): line.get_color() for line in first.lines}
    assert [colours[line.get_marker()] for line in second.lines] == [
        line.get_color() for line in second.lines
    ]
    words = {text.get_text() for text in figure.legends[0].get_texts()}
    assert words == {"loop over positives", "bucketed", "ours, plain PyTorch"}
