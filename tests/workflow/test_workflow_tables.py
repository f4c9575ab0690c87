"""Tables by name: the runs of each, and one from its specification to Snakemake's report."""

import json
import zipfile

from tests.workflow.conftest import make_sandbox

STUDY = """
study: tables
title: A study of a table
scale: Nothing real.
preset: small
datasets:
  shapes: {kind: shapes, image_size: 64, train_images: 4, val_images: 4}
runs_of_tables:
  datasets: {coco: shapes}
schedule: {image_size: 64, batch_size: 2, iterations: 3}
untrained: false
tables: [ape/table2, alrp/tableA9]
figures: [alrp/figureA6]
"""


SEVERAL = """
tables: [alrp/table2, alrp/tableA9]
figures: [alrp/figure4, alrp/figureA5]
"""


def test_a_table_needs_only_its_runs(sandbox):
    study = "several.yaml"
    (sandbox.root / study).write_text(STUDY[: STUDY.index("\ntables:")] + SEVERAL)
    rules = [rule for rule, _ in sandbox.planned("table_alrp_2", study=study)]
    assert rules.count("train") == rules.count("evaluate") == 5 and rules.count("table") == 1
    assert not {"report", "leaderboard", "figure"} & set(rules)
    jobs = sandbox.planned("figure_alrp_4", study=study)
    assert sorted(loss for rule, loss in jobs if rule == "train") == ["alrp", "ce", "focal"]
    rules = [r for r, _ in sandbox.planned("table_alrp_A9", "figure_alrp_A5", study=study)]
    assert sorted(set(rules) - {"plan"})[:2] == ["figure", "figure_alrp_A5"]
    assert "train" not in rules and rules.count("table") == 1


def test_every_table_is_made_of_its_runs(sandbox):
    rules = [rule for rule, _ in sandbox.planned(study="config/papers-smoke.yaml")]
    assert rules.count("train") > 80 and rules.count("table") > 40


def test_a_table_from_its_runs_to_snakemakes_report(tmp_path):
    sandbox = make_sandbox(tmp_path)
    (sandbox.root / "tables.yaml").write_text(STUDY)
    done = sandbox.snakemake(study="tables.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    results = sandbox.root / "results" / "tables"
    table = json.loads((results / "tables" / "ape" / "table2" / "table.json").read_text())
    (block,) = table["blocks"]
    assert [row["runs"] for row in block["rows"]] == [
        ["shapes/retinanet/pairwise/seed1"],
        ["shapes/retinanet/pairwise+negatives/seed1"],
    ]
    (finding,) = block["findings"]  # both fakes detect the same
    assert finding["verdict"] == "direction only" and finding["difference"] == 0
    assert finding["seeds"] == "one seed" and "at an edge" in finding["how"]
    assert len(list((results / "intervals").iterdir())) == 2 * 3  # families of each run
    page = sandbox.root / "reports" / "html" / "tables" / "papers" / "ape.html"
    assert "the balance constant hardly matters" in page.read_text()
    done = sandbox.snakemake("--report", "own.zip", study="tables.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    names = zipfile.ZipFile(sandbox.root / "own.zip").namelist()
    assert sum(name.endswith("table.csv") for name in names) == 2
    assert any(name.endswith("figure.svg") for name in names)
    again = sandbox.snakemake("-n", study="tables.yaml")
    assert "Nothing to be done" in again.stdout + again.stderr
