"""Provenance of the study in the footer, and how to make a run or a table again."""

import hashlib
import json
import os
import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from rankdet.report.paths import run_page
from rankdet.report.study_facts import command, record, study_facts
from rankdet.repository import CONFIG, ROOT
from rankdet.results import study_config
from rankdet.results.records import RecordedStudy, read_study
from rankdet.study.load import load_study
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


def own_config(study: RecordedStudy, **changes: object) -> str:
    """A config of the study's runs, as YAML (JSON is YAML), with other values of some keys."""
    runs = [
        {
            "dataset": run.dataset,
            "detectors": [run.detector],
            "losses": [run.full_loss],
            "seeds": [run.seed],
        }
        for run in study.runs
        if not run.untrained
    ]
    plan = study.plan
    facts = {"study": plan.study.name, "title": plan.study.title, "scale": plan.study.scale}
    papers = {"tables": [t.id for t in plan.tables], "figures": [f.id for f in plan.figures]}
    return json.dumps({**facts, "preset": plan.study.preset, **papers, "runs": runs, **changes})


def test_the_command_names_the_config_with_the_runs_of_the_plan(
    seeds_plan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = read_study(seeds_plan)
    (tmp_path / "config").mkdir()
    monkeypatch.chdir(tmp_path)
    other = {"dataset": "shapes", "detectors": ["atss"], "losses": ["ap"], "seeds": [1]}
    (tmp_path / "config" / "a.yaml").write_text(own_config(study, runs=[other]))
    (tmp_path / "config" / "b.yaml").write_text(own_config(study, title="Another study"))
    (tmp_path / "config" / "c.yaml").write_text("study: [")
    (tmp_path / "config" / "d.yaml").write_text(own_config(study))
    words = shlex.split(command(study, "shapes/retinanet/a <b>/seed1/metrics.json"))
    assert words[:3] == ["snakemake", "--cores", "all"]
    assert words[3:] == [
        "results/fake/shapes/retinanet/a <b>/seed1/metrics.json",
        "--configfile",
        "config/d.yaml",
    ]
    assert record(study, "leaderboard.csv") == "results/fake/leaderboard.csv"


def test_what_is_no_config_is_skipped(
    seeds_plan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = read_study(seeds_plan)
    monkeypatch.chdir(tmp_path)
    Path("folder.yaml").mkdir()
    os.mkfifo("pipe.yaml")  # a read would wait for ever
    Path("endless.yaml").symlink_to("/dev/zero")
    Path("loop.yaml").symlink_to("loop.yaml")
    Path("dead.yaml").symlink_to("nowhere")
    Path("latin.yaml").write_bytes("study: fake\ntitle: Größe".encode("latin-1"))
    Path("huge.yaml").write_text("study: fake\n" + "# data\n" * 300_000)
    Path("deep.yaml").write_text("study: fake\nruns: " + "[" * 10_000)
    Path("a-list.yaml").write_text("[1]")
    for at, runs in enumerate(("5", "[5]", "[{dataset: [a], detectors: [[b]], losses: []}]")):
        Path(f"other-{at}.yaml").write_text(f"study: fake\nruns: {runs}")
    many = str([*range(9_000)])  # 729,000,000,000 runs
    group = f"{{dataset: a, detectors: {many}, losses: {many}, seeds: {many}}}"
    Path("product.yaml").write_text(f"study: fake\nruns: [{group}]")
    assert command(study, "x").endswith("--configfile CONFIG")
    Path("own.yaml").write_text(own_config(study))
    assert command(study, "x").endswith("--configfile own.yaml")


@pytest.mark.parametrize("changes", [{"tables": []}, {"seeds": 1}, {"runs_of_tables": {"x": 1}}])
def test_a_config_of_the_same_name_with_other_facts_is_not_named(
    seeds_plan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict
) -> None:
    study = read_study(seeds_plan)
    if "seeds" in changes:
        group = {"dataset": "shapes", "detectors": "all", "losses": ["ap"], **changes}
        changes = {"runs": [group]}
    (tmp_path / "a.yaml").write_text(own_config(study, **changes))
    monkeypatch.chdir(tmp_path)
    assert command(study, "leaderboard.csv").endswith("--configfile CONFIG")


def test_a_config_elsewhere_is_named_without_its_folder(
    seeds_plan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = read_study(seeds_plan)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(study_config, "CONFIG", tmp_path / "elsewhere")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "own.yaml").write_text(own_config(study))
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    assert command(study, "leaderboard.csv").endswith("--configfile own.yaml")


def test_the_default_study_is_recognised(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    planned = load_study([CONFIG / "smoke.yaml"]).plan()
    path = tmp_path / "results" / "smoke" / "plan.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(planned))
    monkeypatch.chdir(ROOT)
    assert command(read_study(path), "x").endswith("--configfile config/smoke.yaml")


def test_runs_and_tables_say_how(seeds: Path, seeds_plan: Path) -> None:
    key = "shapes/retinanet/ap/seed1"
    page = Page(seeds / run_page(key))
    assert (
        f"snakemake --cores all 'results/fake/{key}/metrics.json' --configfile CONFIG" in page.text
    )
    assert "CONFIG stands for the config of the study" in page.text
    records = re.findall(r"results/fake/(shapes/\S+\.(?:json|parquet)):", page.text)
    assert len(records) == 5
    assert all((seeds_plan.parent / path).is_file() for path in records)
    paper = Page(seeds / "papers" / "alrp.html").text
    assert "'results/fake/tables/alrp/table2/table.json'" in paper
    assert "'results/fake/figures/alrp/figure4/figure.json'" in paper
