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


def test_a_tiny_check_says_in_the_first_line_that_it_has_no_meaning(record):
    tiny = record.model_copy(update={"settings": {**record.settings, "size": "tiny"}})
    assert "its numbers have no meaning" in page.page(tiny, {}, "x").splitlines()[0]
    assert "no meaning" not in page.page(record, {}, "x")


@pytest.mark.parametrize(("iterations", "told"), [(96, True), (6, True), (5, False), (2, False)])
def test_iterations_are_left_out_only_of_longer_trainings(iterations, told, record):
    row = {"mode": "fp32", "status": "measured", "iterations": iterations}
    (part,) = (part for part in record.parts if part.name == "modes")
    text = "\n".join(page.section(part.model_copy(update={"rows": [row]})))
    assert ("first 5 iterations are not counted" in text) == told


AT_ATSS = {"detector": "atss", "form": "plain", "precision": "fp32", "status": "measured"}
SLOWER = [  # the machine became faster in between: fewer ms, and yet a ratio above 1
    {**AT_ATSS, "loss": "focal", "ms": 252.0, "ratio": 1.0, "baseline_ms": None},
    {**AT_ATSS, "loss": "rs", "ms": 236.0, "ratio": 1.11, "baseline_ms": 212.6},
    {**AT_ATSS, "loss": "ap", "ms": 240.0, "ratio": None},
]


def test_bars_of_iterations_are_the_ratios_and_times_are_text():
    figure = Figure()
    plots.iterations(figure, SLOWER)
    (panel,) = figure.axes
    assert [bar.get_width() for bar in panel.patches] == [1.0, 1.11, 0.0]
    assert [text.get_text() for text in panel.texts] == [
        "1.00 (252 ms)",
        "1.11 (236 against 213 ms)",
        "no ratio (240 ms)",
    ]
    assert panel.get_xlabel() == "time as a multiple of focal's"
    assert "measured in turns" in figure.legends[0].get_title().get_text()


def test_the_table_of_iterations_has_the_baseline_in_the_same_turns():
    ((heads, body),) = tables("iterations", SLOWER)
    assert heads[-3:] == ["ratio", "ms", "baseline ms"]
    assert body[1][-3:] == ["1.11", "236", "212.6"]
    old = [{key: value for key, value in row.items() if key != "baseline_ms"} for row in SLOWER]
    assert tables("iterations", old)[0][0][-1] == "ms"


def test_the_plot_of_trainings_marks_how_they_ended():
    figure = Figure()
    diverged = {**TRAINED, "seed": 3, "AP": None, "oLRP": None, "outcome": "diverged"}
    plots.trainings(figure, [*ROWS["trainings"], diverged])
    (panel,) = figure.axes
    marks = {line.get_marker(): list(line.get_ydata()) for line in panel.lines}
    assert marks == {"o": [0.2], "x": [0.4], "v": [0.0]}
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words == ["trained", "barely learned", "diverged (without AP: at 0)"]


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
