import csv
import filecmp
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rankdet.errors import InputError
from rankdet.evaluation.metric import COMPARE
from rankdet.evaluation.registry import METRICS, shown_in
from rankdet.papers.load import load_spec
from rankdet.report import build_report
from rankdet.report.paths import run_page
from rankdet.repository import PAPERS
from tests.report.fake_study import HOSTILE, HOSTILE_LOSS, TABLES, make_study
from tests.report.pages import Page, all_pages


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def printed(text: str, decimals: int, sign: bool = False) -> str:
    if not text:
        return "–"
    shown = f"{float(text):+.{decimals}f}" if sign else f"{float(text):.{decimals}f}"
    return (shown.lstrip("+-") if float(shown) == 0 else shown).replace("-", "−")


def test_a_page_for_everything(report: Path, fake_plan: Path) -> None:
    plan = json.loads(fake_plan.read_text())
    expected = {"index.html", "reading.html", "compare/shapes/retinanet.html"}
    expected |= {f"papers/{name}.html" for name in ("alrp", "rs", "ape")}
    expected |= {run_page(run["key"]) for run in plan["runs"]}
    assert {p.path.relative_to(report).as_posix() for p in all_pages(report)} == expected


def test_nothing_comes_from_the_network(report: Path) -> None:
    for page in all_pages(report):
        for address in page.links():
            assert not re.match(r"(?i)\s*(https?:|//|ftp:|file:|javascript:|/)", address), address
        source = page.path.read_text(encoding="utf-8")
        assert not re.search(r"@import|url\(\s*['\"]?(?!#)", source)
        assert "Content-Security-Policy" in source


def test_every_link_leads_somewhere(report: Path) -> None:
    pages = {page.path.resolve(): page for page in all_pages(report)}
    for path, page in pages.items():
        assert not page.unclosed
        assert len(page.ids()) == len(set(page.ids())), f"{path}: an id occurs twice"
        for address in page.links():
            target, _, fragment = address.partition("#")
            if address == "data:,":
                continue
            found = (path.parent / target).resolve() if target else path
            assert found.is_file(), f"{path.name}: {address}"
            assert report.resolve() in found.parents
            if fragment:
                assert fragment in pages[found].ids(), f"{path.name}: {address}"
        for _, attributes in page.elements:
            for name in (attributes.get("aria-labelledby") or "").split():
                assert name in page.ids()


def test_hostile_names_are_text(report: Path) -> None:
    for page in all_pages(report):
        tags = [tag for tag, _ in page.elements]
        assert "img" not in tags
        with_script = page.path.name == "index.html" or "compare" in page.path.parts
        assert tags.count("script") == int(with_script)
        assert not any(name.startswith("on") for _, a in page.elements for name in a)
    index = Page(report / "index.html")
    assert HOSTILE in index.text and HOSTILE_LOSS in index.text
    run = Page(report / run_page(f"shapes/retinanet/{HOSTILE_LOSS}/seed1"))
    assert HOSTILE in run.text and HOSTILE_LOSS in run.text
    assert HOSTILE_LOSS in Page(report / "papers" / "alrp.html").text


def test_tables_are_marked_up(report: Path) -> None:
    for page in all_pages(report):
        tags = [tag for tag, _ in page.elements]
        assert tags.count("table") == tags.count("caption")
        assert all("scope" in a for tag, a in page.elements if tag == "th")
        titles = [a for tag, a in page.elements if tag == "svg"]
        named = ({"aria-label", "aria-labelledby"} & set(a) for a in titles)
        assert all(named) and all(a.get("role") == "img" for a in titles)
        scrolling = [a for tag, a in page.elements if "scroll" in a.get("class", "").split()]
        assert all(a["tabindex"] == "0" and a["role"] == "region" for a in scrolling)


def test_every_page_names_its_scale(report: Path) -> None:
    for page in all_pages(report):
        assert "Smoke scale: made-up detections" in page.text[:400]


def test_leaderboard_equals_its_csv(report: Path) -> None:
    index = Page(report / "index.html")
    rows = [row for row in index.rows if len(row) == 24]
    records = read_csv(report / "leaderboard.csv")
    assert len(rows) == len(records) + 1 == 20
    order = ["AP", "AP50", "untrained AP50", "AP75", "AP90", "oLRP", "Loc", "FP", "FN"]
    order += ["Pearson", "Spearman", "Kendall", "D-ECE", "LaECE", "images/s", "s/iteration"]
    order += ["mask AP", "mask AP50", "mask oLRP"]
    assert any(record["LaECE"] for record in records)
    assert any(record["images/s"] for record in records)
    for row, record in zip(rows[1:], records, strict=True):
        assert row[2:4] == [record["split"], record["seed"]]
        assert record["status"] in row[4]
        for cell, name in zip(row[5:], order, strict=True):
            decimals = 3 if name == "s/iteration" else 2 if name.istitle() and len(name) > 3 else 1
            assert cell.removesuffix(" best") == printed(record[name], decimals), (record, name)


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


def test_failures_keep_their_place_and_say_why(report: Path) -> None:
    text = Page(report / "index.html").text
    for reason in (
        "out of memory at iteration 12: use a smaller batch_size",
        "the loss is not finite from iteration 41",
        "loss_cls stayed above 0.99 for 300 iterations",
        "not run yet",
        "trained, not evaluated yet",
    ):
        assert reason in text
    failed = Page(report / "runs" / "shapes" / "atss" / "focal" / "seed1.html")
    assert "out of memory at iteration 12" in failed.text


@pytest.mark.parametrize("name", TABLES)
def test_tables_equal_their_csv_and_the_published_values(report: Path, name: str) -> None:
    spec = load_spec(PAPERS / f"{name}.yaml")
    records = read_csv(report / "tables" / name / "table.csv")
    rows = iter(Page(report / "papers" / f"{spec.paper}.html").table(spec.title)[1:])
    assert [record["row"] for record in records] == [row.key for row in spec.rows]
    for record, row in zip(records, spec.rows, strict=True):
        ours = next(rows)
        labels = len(spec.label_names)
        assert ours[:labels] == [row.labels.get(label, "") for label in spec.label_names]
        assert ours[labels] == "ours"
        known = [column for column in spec.columns if column.published]
        beside = next(rows) if known else None
        if len(ours) == labels + 2 < labels + 1 + len(spec.columns):  # one grey cell for all
            assert ours[-1] == record["reason"] and not any(record[c.header] for c in spec.columns)
        else:
            difference = next(rows) if known else None
            for position, column in enumerate(spec.columns, start=1):
                cell, decimals = ours[labels + position], column.decimals
                interval = record[f"{column.header} interval"]
                expected = printed(record[column.header], decimals)
                assert re.sub(r" best=?| ±.*", "", cell) == expected
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
    assert reasons["aLRP Loss (w IoU)"].startswith("collapsed")


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
    assert "made-up CPU" in page.text and "2.13.0" in page.text
    titles = [a.get("class") for tag, a in page.elements if tag == "svg"]
    assert titles.count("sample") == 12  # six images of each split
    verdicts = {row[4] for row in page.rows if len(row) == 5 and row[0].isdigit()}
    assert "hit" in verdicts
    for row in page.rows:
        if len(row) == 5 and row[4] == "hit":
            assert 0.5 <= float(row[3]) <= 1


def test_same_input_same_bytes(report: Path, fake_plan: Path, tmp_path: Path) -> None:
    again = build_report(fake_plan, tmp_path / "again").parent
    names = [p.relative_to(report) for p in sorted(report.rglob("*")) if p.is_file()]
    assert names == [p.relative_to(again) for p in sorted(again.rglob("*")) if p.is_file()]
    assert filecmp.cmpfiles(report, again, names, shallow=False)[0] == names


def test_size(report: Path) -> None:
    assert sum(p.stat().st_size for p in report.rglob("*") if p.is_file()) < 4e6


def test_a_plan_alone_gives_a_report(fake_plan: Path, tmp_path: Path) -> None:
    (tmp_path / "results" / "fake").mkdir(parents=True)
    plan = shutil.copy(fake_plan, tmp_path / "results" / "fake")
    page = Page(build_report(plan, tmp_path / "html"))
    assert "dataset.json is missing" in page.text
    assert page.text.count("not run yet") >= 11


def test_broken_records_are_said_not_raised(tmp_path: Path) -> None:
    plan = make_study(tmp_path)
    runs = plan.parent / "shapes" / "retinanet"
    (runs / "focal" / "seed1" / "metrics.json").write_text('{"schema": "rankdet.metr')
    (runs / "ap" / "seed1" / "matches.parquet").write_bytes(b"PAR1 cut off")
    (runs / "ap" / "seed1" / "train.parquet").write_bytes(b"")
    (runs / "alrp" / "seed1" / "detections.json").unlink()
    (runs / "alrp" / "seed2" / "metrics.json").write_text('{"schema": "rankdet.metrics/9"}')
    shutil.rmtree(plan.parent / "shapes" / "data" / "val")
    index = build_report(plan, tmp_path / "html")
    text = Page(index).text
    assert "metrics.json cannot be read" in text
    assert "has schema 'rankdet.metrics/9'" in text
    folder = index.parent / "runs" / "shapes" / "retinanet"
    assert "is not a table of matches" in Page(folder / "ap" / "seed1.html").text
    assert "detections.json: detections cannot be read" in Page(folder / "alrp/seed1.html").text


def test_a_folder_of_somebody_else_is_refused(fake_plan: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(InputError, match="has files that are not a report"):
        build_report(fake_plan, tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "precious"


def test_a_new_report_replaces_the_old_one(fake_plan: Path, tmp_path: Path) -> None:
    (tmp_path / "html").mkdir()
    (tmp_path / "html" / ".rankdet-report").write_text("")
    (tmp_path / "html" / "gone.html").write_text("a run that is no longer planned")
    build_report(fake_plan, tmp_path / "html")
    assert not (tmp_path / "html" / "gone.html").exists()
    assert (tmp_path / "html" / "index.html").exists()


def test_no_torch() -> None:
    code = (
        "import sys, rankdet.report, rankdet.papers.table, rankdet.papers.figures;"
        "import rankdet.results.leaderboard;"
        "print([m for m in sys.modules if m.split('.')[0] in ('torch', 'mmdet')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_findings_on_the_page_equal_the_files(report: Path) -> None:
    page = Page(report / "papers" / "alrp.html")
    data = json.loads((report / "tables" / "alrp" / "table2" / "table.json").read_text())
    found = data["blocks"][0]["findings"]
    assert len(found) == 10 and {f["verdict"] for f in found} >= {"no answer", "undecided"}
    for finding in found:
        assert finding["claim"]["text"] in page.text and finding["claim"]["source"] in page.text
        if finding["difference"] is None:
            assert finding["how"] in page.text
            continue
        text = printed(str(finding["difference"]), finding["decimals"], sign=True)
        if finding["low"] is not None:
            ends = (finding[end] for end in ("low", "high"))
            low, high = (printed(str(v), finding["decimals"], sign=True) for v in ends)
            text += f" [{low} to {high}]"
        assert text in page.text
    index = Page(report / "index.html")
    rows = {row[0]: row[1:] for row in index.rows if row}
    verdicts = [f["verdict"] for f in found]
    words = ("holds", "does not hold", "undecided", "no answer")
    counted = [str(verdicts.count(w) or "") for w in words]
    assert rows["Table 2: Ablation analysis on COCO minival"] == ["aLRP Loss", *counted]


def test_comparison_equals_the_leaderboard(report: Path) -> None:
    page = Page(report / "compare" / "shapes" / "retinanet.html")
    records = [r for r in read_csv(report / "leaderboard.csv") if r["split"] == "val"]
    usable = [
        r
        for r in records
        if r["detector"] == "retinanet" and r["status"] in ("trained", "collapsed")
    ]
    shown = {m.header: m.decimals for m in shown_in(COMPARE)}
    assert {"AP", "oLRP", "Spearman", "LaECE", "images/s"} <= set(shown)
    rows = [row for row in page.rows if len(row) == len(shown) + 1][1:]
    assert len(rows) == len(usable)
    for row, record in zip(rows, usable, strict=True):
        for cell, (name, decimals) in zip(row[1:], shown.items(), strict=True):
            assert cell.startswith(printed(record[name], decimals)), (record["key"], name)
    assert "not compared, seed 1 diverged" in page.text
    assert "reference" in rows[0][1] and "[" in rows[1][1]


def test_only_detectors_with_two_losses_are_compared(report: Path) -> None:
    assert [p.name for p in (report / "compare").rglob("*.html")] == ["retinanet.html"]
    linked = Page(report / "runs" / "shapes" / "retinanet" / "ap" / "seed1.html").links()
    assert any("compare/shapes/retinanet.html" in link for link in linked)
    other = Page(report / "runs" / "shapes" / "atss" / "focal" / "seed1.html").links()
    assert not any("compare/shapes" in link for link in other)


def test_figures_without_training_are_drawn(report: Path) -> None:
    text = Page(report / "papers" / "alrp.html").text
    assert "Figure A.5: The boxes of the toy example" in text
    assert (report / "figures" / "alrp" / "figureA6" / "figure.svg").stat().st_size > 2000
