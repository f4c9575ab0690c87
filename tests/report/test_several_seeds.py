"""A report of a study with several seeds: leaderboard, tables and comparison pages show means."""

import json
import re
from pathlib import Path

import pytest
from scipy import stats

from rankdet.evaluation.intervals import mean_over_seeds
from rankdet.report import build_report
from tests.report.fake_study import make_study
from tests.report.pages import Page, printed, read_csv

COMPARE = "compare/shapes/retinanet.html"


def values(report: Path, loss: str, metric: str = "AP") -> list[float]:
    """The values of the seeds that have learned."""
    rows = read_csv(report / "leaderboard.csv")
    keys = (row for row in rows if row["key"].split("/")[2] == loss and row["status"] == "trained")
    return [float(row[metric]) for row in keys]


def mean_text(report: Path, loss: str, metric: str = "AP") -> str:
    mean, half = mean_over_seeds(values(report, loss, metric))
    return f"{printed(str(mean), 1)} ± {printed(str(half), 1)}"


def test_one_row_for_all_seeds_and_one_for_each_run(seeds: Path) -> None:
    page = Page(seeds / "index.html")
    table = page.table("Runs with status")
    head = [cell.split()[0] for cell in table[0]]
    rows = {row[0]: dict(zip(head, row, strict=True)) for row in table[1:]}
    assert rows["AP Loss"]["AP"] == mean_text(seeds, "ap")
    shown = mean_text(seeds, "alrp").replace(" ±", " cannot be distinguished from the best ±")
    assert rows["aLRP Loss"]["AP"] == shown
    assert rows["Focal Loss"]["AP"] == mean_text(seeds, "focal")
    assert rows["Focal Loss"]["seeds"].startswith("3 of 4")
    assert "barely learned 1" in rows["Focal Loss"]["status"]
    assert rows["Focal Loss"]["status"].split("seed 4: ")[1].startswith("AP50 0.0 is below 5 ")
    assert re.fullmatch(r"[\d.]+ \[[\d.]+ to [\d.]+\]", rows["aLRP Loss (iou)"]["AP"])
    assert rows["aLRP Loss (iou)"]["seeds"] == "one (1)"
    for row in read_csv(seeds / "leaderboard.csv"):
        if row["loss"] in ("ap", "focal"):
            single = rows[f"{row['loss_title']}, seed {row['seed']}"]
            assert single["AP"] == printed(row["AP"], 1) and single["status"].endswith(
                row["reason"] or "trained"
            )
    bodies = [a for tag, a in page.elements if tag == "details" and a.get("class") == "seeds"]
    assert len(bodies) == 4


def test_the_means_are_in_a_file(seeds: Path) -> None:
    assert "leaderboard-seeds.csv" in Page(seeds / "index.html").links()
    rows = {row["loss"]: row for row in read_csv(seeds / "leaderboard-seeds.csv")}
    mean, half = mean_over_seeds(values(seeds, "ap"))
    assert float(rows["ap"]["AP"]) == pytest.approx(mean, abs=1e-5)
    assert float(rows["ap"]["AP interval"]) == pytest.approx(half, abs=1e-5)


def test_the_comparison_is_over_seeds(seeds: Path) -> None:
    page = Page(seeds / COMPARE)
    head, *rows = page.table("Losses of RetinaNet")
    found = {row[0]: dict(zip(head, row, strict=True)) for row in rows}
    alrp = next(row for name, row in found.items() if name.startswith("aLRP Loss 5 seeds"))
    test = stats.ttest_ind(values(seeds, "alrp"), values(seeds, "ap"), equal_var=False)
    ends = test.confidence_interval(0.95)  # the clearest of two tests decides at 2.5 %
    wide = test.confidence_interval(0.975)
    difference = sum(values(seeds, "alrp")) / 5 - sum(values(seeds, "ap")) / 5
    expected = [f"+{difference:.1f} [{e.low:+.1f} to {e.high:+.1f}]" for e in (ends, wide)]
    assert alrp["AP ↑"].removeprefix(mean_text(seeds, "alrp")) in expected
    single = next(row for name, row in found.items() if name.startswith("aLRP Loss (iou)"))
    assert "one seed" in single["loss"] and "[" not in single["AP ↑"]  # one against five
    weak = next(row for name, row in found.items() if name.startswith("rs"))
    assert "barely learned" in weak["loss"] and "[" not in weak["AP ↑"]
    assert "rs is left out of tests: AP50 0.0 is below 5" in page.text
    assert not re.search(
        r'\S<span class="status barely', (seeds / COMPARE).read_text()
    )  # names need a space


def test_the_matrix_of_all_pairs(seeds: Path) -> None:
    page = Page(seeds / COMPARE)
    names = ["AP Loss", "aLRP Loss", "Focal Loss", "aLRP Loss (iou)", "rs"]
    for metric in ("AP", "oLRP"):  # of oLRP, lower is better
        head, *rows = page.table(f"{metric}: row minus column")
        assert head[1:] == names == [row[0] for row in rows]
        cells = {(row[0], name): row[at] for row in rows for at, name in enumerate(names, 1)}
        pairs = [("aLRP Loss", "AP Loss"), ("aLRP Loss", "Focal Loss"), ("AP Loss", "Focal Loss")]
        losses = {"AP Loss": "ap", "aLRP Loss": "alrp", "Focal Loss": "focal"}
        tested = {
            pair: stats.ttest_ind(
                *(values(seeds, losses[name], metric) for name in pair), equal_var=False
            )
            for pair in pairs
        }
        order = sorted(pairs, key=lambda pair: tested[pair].pvalue)
        p = 0.0
        for step, pair in enumerate(order):
            p = max(p, tested[pair].pvalue * (3 - step))
            assert p < 0.05  # every pair of the fake study is told apart
            text = "< .001" if p < 0.001 else f"= {p:.3f}".replace("0.", ".", 1)
            assert cells[pair].endswith(f"p {text}") and "row is" in cells[pair]
            ends = tested[pair].confidence_interval(1 - 0.05 / (3 - step))
            low, high = (printed(str(end), 1, sign=True) for end in (ends.low, ends.high))
            assert f"[{low} to {high}]" in cells[pair]
            assert "row is better" in cells[pair]
            assert "row is worse" in cells[pair[::-1]]
        assert "fewer than 3 seeds" in cells["AP Loss", "aLRP Loss (iou)"]
        assert (
            "barely learned" in cells["rs", "AP Loss"] and "p" not in cells["rs", "AP Loss"].split()
        )
        assert cells["rs", "rs"] == "·"


def test_tables_of_the_papers(seeds: Path) -> None:
    record = json.loads((seeds / "tables" / "alrp" / "table2" / "table.json").read_text())
    rows = {row["row"]: row for row in record["blocks"][0]["rows"]}
    cell = rows["AP Loss"]["cells"]["AP"]
    assert cell["values"] == pytest.approx(values(seeds, "ap"), abs=1e-5) and not cell["best"]
    assert rows["aLRP Loss (w GIoU) + SB"]["cells"]["AP"]["best"]
    page = Page(seeds / "papers" / "alrp.html")
    shown = {row[0]: row for row in page.table("Table 2") if "ours" in " ".join(row)}
    row = next(cells for name, cells in shown.items() if name == "AP Loss")
    assert any(cell.startswith("ours 5 seeds ap seed1 ap seed2") for cell in row)


def test_the_first_chart_is_the_forest_plot_of_the_claims(seeds: Path, tmp_path) -> None:
    text = (seeds / "index.html").read_text()
    start = text.index('<h2 id="answers">')
    assert start < text.index('<h2 id="runs">')
    plot = text[start : text.index("</svg>", start)]
    table = json.loads((seeds / "tables" / "alrp" / "table2" / "table.json").read_text())
    answered = [f for f in table["blocks"][0]["findings"] if f["difference"] is not None]
    assert any(f["verdict"] == "holds" for f in answered)
    assert all(f["claim"]["text"] in plot for f in answered) and "papers/alrp.html#alrp-" in plot
    single = build_report(make_study(tmp_path), tmp_path / "html")  # one seed: no verdict
    assert 'id="answers"' not in single.read_text()


def test_times_are_never_bold_and_hidden_texts_do_not_say_best(seeds: Path) -> None:
    index = (seeds / "index.html").read_text()
    board = index[index.index('<table id="leaderboard"') :].split("</table>")[0]
    keys = re.findall(r'data-key="([^"]+)"', board)
    cells = re.findall(r"<tr(?: [^>]*)?>(.*?)</tr>", board, re.DOTALL)[1:]
    for key in ("training.seconds_per_iteration", "speed.images_per_second"):
        at = keys.index(key)
        times = [re.findall(r"<t[dh].*?</t[dh]>", row, re.DOTALL)[at] for row in cells]
        assert any("±" in cell for cell in times) and "<strong>" in board
        assert not any("<strong>" in cell for cell in times)
    pages = "".join(page.read_text() for page in (seeds / "papers").glob("*.html"))
    tied = r'</strong><span class="sr"> ([^<]*)</span><span class="tie"'
    assert set(re.findall(tied, pages)) == {"cannot be distinguished from the best"}
