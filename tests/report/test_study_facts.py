"""Provenance of the study in the footer, and how to make a run or a table again."""

import hashlib
import re
import shlex
from dataclasses import replace
from pathlib import Path

from rankdet.report.paths import run_page
from rankdet.report.study_facts import command, record, study_facts
from rankdet.repository import ROOT
from rankdet.results.records import read_study
from tests.report.fake_dataset import CHECKSUM
from tests.report.pages import Page, all_pages


def test_the_facts_are_those_of_the_records(seeds_plan: Path) -> None:
    study = read_study(seeds_plan)
    facts = dict(study_facts(study))
    seconds = sum(r.training.seconds or 0 for r in study.runs if not r.untrained)
    assert facts["trained"] == "2026-01-01" and facts["commit"] == "0123456789ab"
    assert facts["plan"].split()[1] in hashlib.sha256(seeds_plan.read_bytes()).hexdigest()
    assert facts["data"] == f"shapes {CHECKSUM[:19]}"
    assert facts["machine"] == "made-up CPU, 3 threads"
    assert facts["versions"] == "torch 2.13.0, mmdet 3.3.0"
    assert facts["training time"] == f"{round(seconds) // 60} min {round(seconds) % 60:02d} s"


def test_changed_code_and_two_commits_are_told(seeds_plan: Path) -> None:
    study = read_study(seeds_plan)
    at, run = next((i, r) for i, r in enumerate(study.runs) if r.record and not r.untrained)
    origin = run.provenance.model_copy(update={"commit": "f" * 40, "dirty": True})
    changed = replace(run, record=run.record.model_copy(update={"provenance": origin}))
    runs = (*study.runs[:at], changed, *study.runs[at + 1 :])
    commit = dict(study_facts(replace(study, runs=runs)))["commit"]
    assert commit == "ffffffffffff; 0123456789ab (with uncommitted changes in 1 run)"


def test_what_is_unknown_is_left_out(seeds_plan: Path) -> None:
    study = read_study(seeds_plan)
    facts = dict(study_facts(replace(study, runs=())))
    assert not {"commit", "machine", "versions", "trained"} & set(facts) and "plan" in facts


def test_every_page_has_the_footer(seeds: Path) -> None:
    for page in all_pages(seeds):
        assert "0123456789ab" in page.text[-800:] and "made-up CPU" in page.text[-800:]


def test_the_command_names_config_and_file(seeds_plan: Path) -> None:
    study = read_study(seeds_plan)
    name = study.plan.study.model_copy(update={"name": "smoke"})
    smoke = replace(study, plan=study.plan.model_copy(update={"study": name}))
    words = shlex.split(command(smoke, "shapes/retinanet/a <b>/seed1/metrics.json"))
    assert words[3] == "results/smoke/shapes/retinanet/a <b>/seed1/metrics.json"
    assert words[:3] == ["snakemake", "--cores", "all"] and words[4] == "--configfile"
    (config,) = words[5:]
    assert re.search(r"^study: smoke$", (ROOT / config).read_text(), re.MULTILINE)
    assert command(study, "leaderboard.csv").endswith(
        "--configfile CONFIG"
    )  # no config of this name
    assert record(study, "leaderboard.csv") == "results/fake/leaderboard.csv"


def test_runs_and_tables_say_how(seeds: Path, seeds_plan: Path) -> None:
    key = "shapes/retinanet/ap/seed1"
    page = Page(seeds / run_page(key))
    assert (
        f"snakemake --cores all 'results/fake/{key}/metrics.json' --configfile CONFIG" in page.text
    )
    records = re.findall(r"results/fake/(shapes/\S+\.(?:json|parquet)):", page.text)
    assert len(records) == 5
    assert all((seeds_plan.parent / path).is_file() for path in records)
    paper = Page(seeds / "papers" / "alrp.html").text
    assert "'results/fake/tables/alrp/table2/table.json'" in paper
    assert "'results/fake/figures/alrp/figure4/figure.json'" in paper
