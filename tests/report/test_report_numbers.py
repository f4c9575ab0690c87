"""The numbers on the pages are those of the files."""

import json
import re
from pathlib import Path

import pytest

from rankdet.evaluation.metric import COMPARE
from rankdet.evaluation.registry import METRICS, shown_in
from rankdet.papers.load import load_spec
from rankdet.report.formatting import end
from rankdet.repository import PAPERS
from tests.report.fake_study import HOSTILE_LOSS, TABLES
from tests.report.pages import Page, printed, read_csv


def test_leaderboard_equals_its_csv(report: Path) -> None:
    index = Page(report / "index.html")
    _, *rows = [row for row in index.rows if len(row) == 24]
    # A loss with two seeds has a row for both, whose numbers are means, and a row for each.
    rows = [row for row in rows if " seeds of " not in row[3]]
    records = read_csv(report / "leaderboard.csv")
    assert len(rows) == len(records) == 19
    order = ["AP", "AP50", "untrained AP50", "AP75", "AP90", "oLRP", "Loc", "FP", "FN"]
    order += ["Pearson", "Spearman", "Kendall", "D-ECE", "LaECE", "images/s", "s/iteration"]
    order += ["mask AP", "mask AP50", "mask oLRP"]
    assert any(record["LaECE"] for record in records)
    assert any(record["images/s"] for record in records)
    for row, record in zip(rows, in_rows(records), strict=True):
        assert f"seed {record['seed']}" in row[0] or row[3]
        assert row[2] == record["split"] and row[3] in ("", f"one ({record['seed']})")
        assert record["status"] in row[4]
        for cell, name in zip(row[5:], order, strict=True):
            decimals = 3 if name == "s/iteration" else 2 if name.istitle() and len(name) > 3 else 1
            expected = printed(record[name], decimals)
            assert re.sub(r" (≈ ?)?\[.* to .*\]$", "", cell) == expected, (record, name)


def in_rows(records: list[dict[str, str]]) -> list[dict[str, str]]:
    """The records with all seeds of a loss on a split together, as on the page."""
    groups = [(r["key"].rpartition("/")[0], r["split"]) for r in records]
    return sorted(records, key=lambda r: groups.index((r["key"].rpartition("/")[0], r["split"])))


def test_the_reading_page_explains_every_metric(report: Path) -> None:
    rows = Page(report / "reading.html").table("All metrics and what they mean")
    told = {row[0]: row[1] for row in rows if len(row) == 2}
    for metric in METRICS:
        sign = f" {metric.arrow} ({metric.better} is better)" if metric.better else ""
        assert told[f"{metric.header}{sign}"] == metric.meaning


def test_untrained_ap50_stands_beside_the_trained_one(report: Path) -> None:
    records = read_csv(report / "leaderboard.csv")
    untrained = {r["split"]: r["AP50"] for r in records if r["status"] == "untrained"}
    trained = [r for r in records if r["detector"] == "retinanet" and r["loss"] == "focal"]
    assert [r["untrained AP50"] for r in trained] == [untrained["val"], untrained["train"]]
    assert all(float(r["AP50"]) > float(r["untrained AP50"]) for r in trained)


@pytest.mark.parametrize("name", TABLES)
def test_tables_equal_their_csv_and_the_published_values(report: Path, name: str) -> None:
    spec = load_spec(PAPERS / f"{name}.yaml")
    records = read_csv(report / "tables" / name / "table.csv")
    rows = iter(Page(report / "papers" / f"{spec.paper}.html").table(spec.title)[1:])
    assert [record["row"] for record in records] == [row.key for row in spec.rows]
    texts = {n: {row.labels.get(n, "") for row in spec.rows} for n in spec.label_names}
    shown = [n for n, found in texts.items() if len(found) > 1] or list(texts)[:1]
    for record, row in zip(records, spec.rows, strict=True):
        ours = next(rows)
        labels = len(shown)
        assert ours[:labels] == [row.labels.get(label, "") for label in shown]
        assert ours[labels].split()[0] == "ours"
        known = [column for column in spec.columns if spec.published.get(row.key)]
        beside = next(rows) if known else None
        if len(ours) == labels + 2 < labels + 1 + len(spec.columns):  # one grey cell for all
            assert ours[-1] == record["reason"] and not any(record[c.header] for c in spec.columns)
        else:
            differences = [float(record[f"{c.header} difference"] or 0) for c in spec.columns]
            difference = next(rows) if any(differences) else None
            for position, column in enumerate(spec.columns, start=1):
                cell, decimals = ours[labels + position], column.decimals
                interval = record[f"{column.header} interval"]
                expected = printed(record[column.header], decimals)
                assert (
                    re.sub(r" cannot be distinguished from the best=?| ±.*", "", cell) == expected
                )
                assert (f"± {printed(interval, decimals)}" in cell) == bool(interval)
                if difference:
                    value = record[f"{column.header} difference"]
                    assert difference[position] == printed(value, decimals, sign=True)
        for position, column in enumerate(spec.columns, start=1):
            value = spec.published.get(row.key, {}).get(column.published)
            assert record[f"{column.header} published"] == ("" if value is None else str(value))
            if beside:
                text = printed("" if value is None else str(value), column.decimals)
                assert beside[position].removesuffix(" best") == text
    assert next(rows, None) is None


def test_missing_rows_of_table2(report: Path) -> None:
    records = read_csv(report / "tables" / "alrp" / "table2" / "table.csv")
    reasons = {r["row"]: r["reason"] for r in records}
    assert reasons["aLRP Loss (w IoU) + SB"].startswith("seed 1 diverged: the loss is not finite")
    assert reasons["aLRP Loss (w GIoU) + SB + ATSS"] == "seed 1: not run yet"
    assert reasons["aLRP Loss (w IoU)"].startswith("barely learned, so left out")


def test_figure4_values(report: Path) -> None:
    data = json.loads((report / "figures" / "alrp" / "figure4" / "figure.json").read_text())
    rows = {row["row"]: row for row in data["table"]["blocks"][0]["rows"]}
    assert rows["aLRP Loss"]["cells"]["1/min rate"]["ours"] == 1.0
    assert rows["aLRP Loss"]["cells"]["max rate"]["ours"] == 1.0
    assert rows["Cross Entropy"]["reason"] == "not in this study"
    assert rows["Cross Entropy"]["cells"]["max rate"]["published"] == 1083.708
    assert rows["Focal Loss"]["cells"]["max rate"]["ours"] > 2
    # A diverged run has no metrics, but its training record counts here.
    assert rows["alrp+iou"]["cells"]["max rate"]["ours"] == 1.0
    drawn = read_csv(report / "figures" / "alrp" / "figure4" / "figure.csv")
    losses = {r["series"] for r in drawn}
    assert losses >= {"Focal Loss", "aLRP Loss", "AP Loss", HOSTILE_LOSS}


def test_run_page_shows_curves_samples_and_provenance(report: Path) -> None:
    page = Page(report / "runs" / "shapes" / "retinanet" / "ap" / "seed1.html")
    assert "resumed from its checkpoint at iteration 150" in page.text
    assert "between 1/1.000 and 1.000 in 300 iterations" in page.text
    assert "threads3 processormade-up CPU, AVX9" in page.text and "2.13.0" in page.text
    titles = [a.get("class") for tag, a in page.elements if tag == "svg"]
    assert titles.count("sample") == 12  # six images of each split
    verdicts = {row[4] for row in page.rows if len(row) == 5 and row[0].isdigit()}
    assert "✓ hit" in verdicts
    for row in page.rows:
        if len(row) == 5 and row[4] == "✓ hit":
            assert 0.5 <= float(row[3]) <= 1


def test_findings_on_the_page_equal_the_files(report: Path) -> None:
    page = Page(report / "papers" / "alrp.html")
    data = json.loads((report / "tables" / "alrp" / "table2" / "table.json").read_text())
    found = data["blocks"][0]["findings"]
    assert len(found) == 10 and {f["verdict"] for f in found} == {"no answer", "direction only"}
    for finding in found:
        assert finding["claim"]["text"] in page.text and finding["claim"]["source"] in page.text
        if finding["difference"] is None:
            assert finding["how"] in page.text
            continue
        # + is better on pages, in points; the file has first minus second, in the column's unit
        factor = {"oLRP": -1, "ρ": 100}.get(finding["metric"], 1)
        decimals = 1 if factor == 100 else finding["decimals"]
        gain = factor * finding["difference"]
        text = printed(str(gain), decimals, sign=True)
        sized = any(finding["claim"][key] is not None for key in ("within", "equals"))
        head = "difference" if sized else f"direction: {'as claimed' if gain > 0 else 'opposite'}"
        assert f"{head}, {text} ({finding['seeds']})" in page.text
        if finding["low"] is not None:
            low, high = sorted(factor * finding[side] for side in ("low", "high"))
            text += f" [{end(low, decimals)} to {end(high, decimals)}]"
        assert text in page.text
    text = (report / "index.html").read_text()
    for finding in found:  # each in the column of its verdict
        row = text.index(f'#alrp-table2">{finding["claim"]["text"]}<')
        assert f'"sr">{finding["verdict"]}<' in text[row : text.index("</tr>", row)]


def test_comparison_equals_the_leaderboard(report: Path) -> None:
    page = Page(report / "compare" / "shapes" / "retinanet.html")
    records = [r for r in read_csv(report / "leaderboard.csv") if r["split"] == "val"]
    usable = [
        r
        for r in records
        if r["detector"] == "retinanet" and r["status"] in ("trained", "barely learned")
    ]
    losses = {r["key"].rpartition("/")[0]: [] for r in usable}
    for r in usable:
        losses[r["key"].rpartition("/")[0]].append(r)
    shown = {m.header: m.decimals for m in shown_in(COMPARE)}
    assert {"AP", "oLRP", "Spearman", "LaECE", "images/s"} <= set(shown)
    rows = [row for row in page.rows if len(row) == len(shown) + 1][1:]
    assert len(rows) == len(losses) == len(usable) - 1  # one loss has two seeds
    for row, seeds in zip(rows, losses.values(), strict=True):
        for cell, (name, decimals) in zip(row[1:], shown.items(), strict=True):
            known = [float(record[name]) for record in seeds if record[name]]
            mean = str(sum(known) / len(known)) if known else ""
            assert cell.startswith(printed(mean, decimals)), (seeds[0]["key"], name)
            assert ("±" in cell) == (len(known) > 1)
    assert "not compared, seed 1 diverged" in page.text
    assert "reference" in rows[0][1] and "[" in rows[1][1]
