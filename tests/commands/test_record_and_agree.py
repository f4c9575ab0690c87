"""`rankdet record` and `rankdet agree`: the outcome of a study, and the same study again."""

import csv
import json
import re
import shutil
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest
from scipy import stats

from rankdet import cli
from rankdet.commands.agreement_lines import row_line
from rankdet.evaluation.seeds import differences
from rankdet.results.agreement import (
    AGREES,
    DIFFERS,
    EQUAL,
    NOT_COMPARED,
    Agreement,
    agreements,
    joint_p,
    leaderboard_metric,
)
from rankdet.results.layout import LEADERBOARD
from rankdet.results.leaderboard import read_leaderboard, write_leaderboard
from tests.report.fake_study import SEVERAL_SEEDS, make_study

TABLES = ("claims/losses", "alrp/table2", "alrp/tableA9")
FIGURES = ("claims/figure_gradients",)


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = make_study(tmp_path_factory.mktemp("outcome"), runs=SEVERAL_SEEDS)
    content = json.loads(path.read_text())
    for key, names in (("tables", TABLES), ("figures", FIGURES)):
        content[key] = [{"id": n, "spec": f"analysis/papers/{n}.yaml"} for n in names]
    path.write_text(json.dumps(content))
    return path


@pytest.fixture(scope="module")
def record(plan: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("record") / "claims-2026-01-01"
    assert cli.main(["record", str(plan), "--out", str(folder)]) == 0
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def ap_of(record: Path, loss: str) -> list[float]:
    entries = read_leaderboard(record / "leaderboard.csv")
    found = [e for e in entries if e.key.split("/")[2] == loss and e.status == "trained"]
    return [float(e.values["AP"]) for e in found]


def test_findings_are_those_of_the_runs(record: Path) -> None:
    found = {(row["table"], row["claim"]): row for row in rows(record / "findings.csv")}
    row = found["claims/losses", "aLRP Loss has the higher AP than AP Loss"]
    ours, theirs = ap_of(record, "alrp"), ap_of(record, "ap")
    assert float(row["difference"]) == pytest.approx(fmean(ours) - fmean(theirs), abs=1e-4)
    welch = stats.ttest_ind(ours, theirs, equal_var=False)
    low, high = welch.confidence_interval(float(row["level"]))
    assert (float(row["low"]), float(row["high"])) == pytest.approx((low, high), abs=0.02)
    assert row["verdict"] == "holds" and float(row["published"]) == pytest.approx(3.4)
    assert (row["paper"], row["seeds"]) == ("aLRP Loss", f"{len(ours)} seeds")
    whole = json.loads((record / "findings.json").read_text())["findings"]
    assert len(whole) == len(rows(record / "findings.csv"))
    same = next(f for f in whole if f["claim"]["text"] == row["claim"])
    assert same["difference"] == float(row["difference"])
    without = found["claims/losses", "APE Loss has the higher AP than cross entropy"]
    assert without["verdict"] == "no answer" and without["how"].endswith("not in this study")


def test_the_page_says_what_was_run_and_every_answer(record: Path) -> None:
    text = (record / "README.md").read_text()
    facts = json.loads((record / "provenance.json").read_text())
    trained = [run for run in SEVERAL_SEEDS if run[4] == "trained"]
    assert f"{facts['runs']['with results']} of {len(SEVERAL_SEEDS)} runs have results" in text
    assert facts["commits"][0]["value"] == "0123456789abcdef" and "`01234567`" in text
    assert facts["machines"][0]["cpu"] == "made-up CPU" and "made-up CPU" in text
    assert facts["training_hours"] > 0 and len(trained) <= facts["machines"][0]["runs"]
    assert re.fullmatch("[0-9a-f]{64}", facts["plan_sha256"])
    for row in rows(record / "findings.csv"):
        if row["verdict"] != "no answer":
            assert row["claim"].replace("[", r"\[") in text
    assert "| aLRP Loss has the higher AP than AP Loss |" in text
    assert str(record.parent) not in text and str(record.parent) not in json.dumps(facts)


def test_intervals_of_single_seeds_are_not_called_welchs(
    plan: Path, record: Path, tmp_path: Path
) -> None:
    """A copy of the study that has one seed of each loss."""
    over_images = "is one over images"
    assert over_images not in (record / "README.md").read_text()
    shutil.copytree(plan.parent, tmp_path / "one")
    single = tmp_path / "one" / plan.name
    content = json.loads(single.read_text())
    content["runs"] = [run for run in content["runs"] if run["seed"] == 1]
    single.write_text(json.dumps(content))
    assert cli.main(["record", str(single), "--out", str(tmp_path / "record")]) == 0
    text = (tmp_path / "record" / "README.md").read_text()
    assert over_images in text and "| direction: " in text
    found = [r for r in rows(tmp_path / "record" / "findings.csv") if r["low"]]
    assert found and all("Welch" not in row["how"] for row in found)


def test_tables_and_forest_plots_are_files(record: Path) -> None:
    names = {path.name for path in (record / "tables").iterdir()}
    tables = {name.replace("/", "-") for name in (*TABLES, *FIGURES)}
    assert {f"{name}.csv" for name in tables} <= names
    table = {row["row"]: row for row in rows(record / "tables" / "claims-losses.csv")}
    assert float(table["AP Loss"]["AP"]) == pytest.approx(fmean(ap_of(record, "ap")), abs=1e-4)
    assert table["AP Loss"]["seeds"] == str(len(ap_of(record, "ap")))
    assert table["AP Loss"]["seeds in the mean"] == table["AP Loss"]["seeds"]
    focal = table["Focal Loss"]  # one of its seeds has barely learned
    assert (focal["seeds"], focal["seeds in the mean"]) == ("4", str(len(ap_of(record, "focal"))))
    assert focal["AP interval"] and focal["seeds in the mean"] == "3"
    svg = ElementTree.fromstring((record / "tables" / "claims-losses.svg").read_text())
    texts = ["".join(node.itertext()) for node in svg.iter() if node.tag.endswith("text")]
    answered = [r for r in rows(record / "findings.csv") if r["table"] == "claims/losses"]
    answered = [r for r in answered if r["difference"]]
    assert answered and all(any(r["claim"][:50] in text for text in texts) for r in answered)
    assert "paper: aLRP Loss" in texts and "paper: APE Loss" in texts


def test_a_record_replaces_itself_and_nothing_else(plan: Path, record: Path, capsys) -> None:
    before = {p: p.read_bytes() for p in record.rglob("*") if p.is_file()}
    assert cli.main(["record", str(plan), "--out", str(record)]) == 0
    assert {p: p.read_bytes() for p in record.rglob("*") if p.is_file()} == before
    other = record.parent / "other"
    other.mkdir()
    (other / "thesis.tex").write_text("years of work")
    capsys.readouterr()
    assert cli.main(["record", str(plan), "--out", str(other)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "exists and was not written by rankdet" in line
    assert (other / "thesis.tex").read_text() == "years of work"


def changed(record: Path, folder: Path, loss: str, by: float, seeds: int = 99) -> Path:
    """The record with another AP of one loss, and with fewer of its seeds."""
    folder.mkdir()
    entries = []
    for entry in read_leaderboard(record / "leaderboard.csv"):
        if entry.key.split("/")[2] == loss:
            if entry.seed > seeds:
                continue
            entry = type(entry)(
                **{**vars(entry), "values": {**entry.values, "AP": entry.values["AP"] + by}}
            )
        entries.append(entry)
    write_leaderboard(entries, folder / "leaderboard.csv")
    return folder


def agree(capsys, *arguments: object) -> list[str]:
    capsys.readouterr()
    assert cli.main(["agree", *map(str, arguments)]) == 0
    return capsys.readouterr().out.splitlines()


def test_a_study_agrees_with_its_own_record(plan: Path, record: Path, capsys) -> None:
    *lines, last = agree(capsys, plan, record)
    compared = [line for line in lines if line.startswith("agrees: ")]
    assert len(compared) >= 3 and not any(line.startswith("differs") for line in lines)
    assert f"AP: {len(compared)} of {len(lines)} rows agree, 0 differ beyond intervals" in last
    equal = [line for line in lines if line.startswith("equal values: ")]
    assert [line for line in equal if "alrp+iou: " in line]
    assert f", {len(equal)} with too few seeds for an interval have equal values" in last
    assert not any("untrained" in line for line in lines)


def without_values(record: Path, folder: Path, loss: str, seeds: int) -> Path:
    """The record with some seeds of one loss that failed."""
    folder.mkdir()
    entries = read_leaderboard(record / "leaderboard.csv")
    for at, entry in enumerate(entries):
        if entry.key.split("/")[2] == loss and entry.seed <= seeds:
            entries[at] = replace(entry, status="failed", reason="out of memory", values={})
    write_leaderboard(entries, folder / "leaderboard.csv")
    return folder


@pytest.mark.parametrize("seeds", [1, 99])
def test_a_row_that_failed_on_both_sides_has_no_equal_values(
    record: Path, tmp_path: Path, seeds: int
) -> None:
    broken = read_leaderboard(without_values(record, tmp_path / "r", "ap", seeds) / LEADERBOARD)
    metric = leaderboard_metric("AP")
    found = {row.runs: row for row in agreements(broken, broken, metric)}
    row = found["shapes/retinanet/ap"]
    assert row.verdict == NOT_COMPARED and not row.equal
    line = row_line(row, metric, ("here", "recorded"))
    assert line == "not compared: shapes/retinanet/ap: seed 1 here: out of memory"
    assert {one.verdict for key, one in found.items() if key != row.runs} == {AGREES, EQUAL}


def test_another_result_differs(plan: Path, record: Path, tmp_path, capsys) -> None:
    out = tmp_path / "rows.csv"
    lines = agree(capsys, plan, changed(record, tmp_path / "r", "ap", -15.0), "--out", out)
    (line,) = [line for line in lines if line.startswith("differs beyond intervals: ")]
    ours = ap_of(record, "ap")
    assert f"shapes/retinanet/ap: {fmean(ours):.1f} here, {fmean(ours) - 15:.1f} recorded" in line
    found = {row["runs"]: row for row in rows(out)}
    row = found["shapes/retinanet/ap"]
    tested = sum(bool(one["p"]) for one in found.values())
    pvalue = stats.ttest_ind(ours, [v - 15 for v in ours], equal_var=False).pvalue
    assert float(row["p"]) == pytest.approx(min(1.0, tested * pvalue), abs=1e-4)  # Holm: the first
    assert float(row["difference"]) == pytest.approx(15.0, abs=1e-3)
    assert float(row["low"]) > 0 and row["verdict"] == "differs beyond intervals"
    assert found["shapes/retinanet/alrp"]["verdict"] == "agrees"
    assert found["shapes/retinanet/alrp+iou"]["reason"].startswith("too few seeds")


def test_two_seeds_decide_nothing(plan: Path, record: Path, tmp_path, capsys) -> None:
    lines = agree(capsys, plan, changed(record, tmp_path / "r", "ap", -15.0, seeds=2))
    (line,) = [line for line in lines if "shapes/retinanet/ap:" in line]
    assert line.startswith("not compared: ") and "(2 in the record)" in line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gone", "{record}"], "no study 'gone' in results/"),
        (["{plan}", "gone"], "gone: no leaderboard.csv there; name a folder that `rankdet record`"),
        (["{plan}", "{record}", "--metric", "APX"], "--metric: found 'APX'; did you mean"),
        (["{plan}", "{record}", "--out", "{record}/leaderboard.csv"], "would write over it"),
        (
            ["{plan}", "{record}", "--out", "{plan.parent}/a/b.csv"],
            "is inside the folder of the study",
        ),
        (["{plan}", "{record}/README.md"], "README.md: line 2: 0 cells, expected 1"),
    ],
)
def test_bad_input_of_agree(plan, record, tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()
    filled = [one.format(plan=plan, record=record) for one in arguments]
    assert cli.main(["agree", *filled]) == 2
    captured = capsys.readouterr()
    assert message in captured.err and len(captured.err.splitlines()) == 1 and not captured.out


@pytest.mark.parametrize("name", ["", "leaderboard.csv"])
def test_a_study_is_no_record(plan, record, tmp_path, capsys, name: str) -> None:
    shutil.copy(record / "leaderboard.csv", tmp_path)
    shutil.copy(plan, tmp_path)
    assert cli.main(["agree", str(plan), str(tmp_path / name)]) == 2
    assert "the results of a study, not a record; name a folder" in capsys.readouterr().err


def test_another_study_has_no_row_in_common(plan, record, tmp_path, capsys) -> None:
    path = tmp_path / "leaderboard.csv"
    path.write_text((record / "leaderboard.csv").read_text().replace("shapes/", "coco/"))
    capsys.readouterr()
    assert cli.main(["agree", str(plan), str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "no row in common: here there is shapes/" in line and "in the record coco/" in line


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"study": "other"}, "a record of the study 'other', not of"),
        ({"data": {"shapes": "sha256:0"}}, "dataset 'shapes' has other images or annotations"),
    ],
)
def test_another_study_or_other_data_is_refused(plan, record, tmp_path, capsys, change, message):
    facts = json.loads((record / "provenance.json").read_text())
    (tmp_path / "provenance.json").write_text(json.dumps({**facts, **change}))
    (tmp_path / "leaderboard.csv").write_text((record / "leaderboard.csv").read_text())
    capsys.readouterr()
    assert cli.main(["agree", str(plan), str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_a_study_without_results_has_no_record(tmp_path, capsys) -> None:
    path = make_study(tmp_path, runs=[("retinanet", "ap", "", 1, "not run")])
    assert cli.main(["record", str(path), "--out", str(tmp_path / "out")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("no run has results yet; run the study first")
    assert not (tmp_path / "out").exists()


def test_small_differences_in_many_rows_show_in_the_joint_test() -> None:
    rng, alone = np.random.default_rng(3), list[int]()

    def p_of(shift: float) -> float:
        samples = {(i, side): rng.normal(30, 2, 3) for i in range(40) for side in "ab"}
        found = differences(
            {key: values + shift * (key[1] == "a") for key, values in samples.items()},
            [((i, "a"), (i, "b")) for i in range(40)],
        )
        rows = [
            Agreement("r", "val", tuple(samples[a] + shift), tuple(samples[b]), found[a, b])
            for a, b in found
        ]
        alone.append(sum(row.verdict == DIFFERS for row in rows))
        value = joint_p(rows)
        assert value is not None
        return value

    same = [p_of(0.0) for _ in range(200)]
    assert np.mean(np.array(same) < 0.05) < 0.09  # nominal: .05; Welch with three seeds is close
    alone.clear()
    assert np.mean([p_of(2.0) < 0.05 for _ in range(50)]) > 0.8
    assert np.mean(alone) < 0.5  # of 40 rows
    assert joint_p([]) is None


@pytest.mark.fault("value or status of a leaderboard that cannot be")
@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("AP", "700", "AP is 700, but from 0 to 100 is possible"),
        ("AP", "-0.1", "AP is -0.1"),
        ("Spearman", "7", "Spearman is 7, but from -1 to 1 is possible"),
        ("images/s", "-3", "images/s is -3, but at least 0 is possible"),
        ("status", "finished", "unknown status 'finished'"),
    ],
)
def test_a_leaderboard_has_possible_values(
    record: Path, plan: Path, tmp_path: Path, capsys, column: str, value: str, words: str
) -> None:
    lines = rows(record / "leaderboard.csv")
    lines[-1][column] = value
    with (tmp_path / "leaderboard.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(lines[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
    assert cli.main(["agree", str(plan), str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line
