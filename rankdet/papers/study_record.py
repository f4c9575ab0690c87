"""The outcome of a study as a folder that can be committed: results, answers and provenance.

leaderboard.csv, leaderboard-seeds.csv    every run; means over seeds
findings.csv, findings.json               every claim with its evidence and verdict
tables/<paper>-<table>.csv, .svg          the tables, and the forest plot of each
forest.svg                                all claims on the first dataset
provenance.json                           `rankdet.study-record/1`
README.md                                 the same in plain English
"""

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rankdet.errors import InputError
from rankdet.files import write_record
from rankdet.papers.export import write_csv
from rankdet.papers.figures import make_figure
from rankdet.papers.findings import with_findings
from rankdet.papers.forest import claims_forest, claims_grid, paper_named
from rankdet.papers.load import load_spec
from rankdet.papers.record_page import record_page
from rankdet.papers.statements import counted
from rankdet.papers.study_provenance import study_provenance
from rankdet.papers.table import make_table, spec_path
from rankdet.papers.table_model import Finding, Table
from rankdet.results.layout import LEADERBOARD, LEADERBOARD_OF_SEEDS, PROVENANCE
from rankdet.results.leaderboard import leaderboard, write_leaderboard
from rankdet.results.outside import check_outside_studies
from rankdet.results.records import RecordedStudy, read_study
from rankdet.results.seed_groups import seed_groups, write_seed_groups
from rankdet.whole_folders import check_replaceable, replacing

FINDINGS_SCHEMA = "rankdet.findings/1"
COLUMNS = (
    *("table", "dataset", "claim", "paper", "source", "metric", "published", "claimed size"),
    *("difference", "low", "high", "level", "p", "verdict", "size", "seeds", "how"),
)


def write_study_record(
    plan: Path, folder: Path, told: Callable[[RecordedStudy], None] = lambda study: None
) -> str:
    """Writes the record of a study.

    Args:
        plan: the study's `plan.json`.
        folder: a new folder, or one that this function has written; it is replaced.
        told: gets the study that was read, after everything is written.

    Returns:
        What is in it, in one line.

    Raises:
        InputError: the plan cannot be used, no run has results, or the folder has other files or is
            inside a study's.
    """
    check_outside_studies(folder)
    check_replaceable(folder)
    study = read_study(plan)
    entries = leaderboard(study)
    if not any(entry.values.get("AP") is not None for entry in entries):
        raise InputError(f"{plan.parent}: no run has results yet; run the study first")
    tables = study_tables(study)
    facts = study_provenance(study, plan)
    found = list(_findings(tables))
    with replacing(folder) as part:
        write_leaderboard(entries, part / LEADERBOARD)
        write_seed_groups(seed_groups(entries), part / LEADERBOARD_OF_SEEDS)
        _write_findings(found, part)
        _write_tables(tables, part)
        first = study.datasets()[0]
        title = f"{study.title}: claims on {study.dataset_title(first)}"
        (part / "forest.svg").write_text(claims_forest(tables, title, first), encoding="utf-8")
        write_record(part / PROVENANCE, facts)
        (part / "README.md").write_text(record_page(study, tables, facts), encoding="utf-8")
    told(study)
    runs = facts["runs"]
    return f"{runs['with results']} of {runs['planned']} runs, {len(counted(tables))} claims"


def study_tables(study: RecordedStudy) -> list[Table]:
    """Returns the tables of a study, and those of its figures, with findings."""
    specs = [load_spec(spec_path(study, entry.spec)) for entry in study.plan.tables]
    tables = [with_findings(study, make_table(study, spec)) for spec in specs]
    figures = [load_spec(spec_path(study, entry.spec)) for entry in study.plan.figures]
    return [*tables, *(make_figure(study, spec).table for spec in figures)]


def _findings(tables: Sequence[Table]) -> Iterator[tuple[Table, str, Finding]]:
    for table in tables:
        for block in table.blocks:
            for finding in block.findings:
                yield table, block.title, finding


def _write_findings(found: Sequence[tuple[Table, str, Finding]], folder: Path) -> None:
    rows = [_finding_row(*one) for one in found]
    with (folder / "findings.csv").open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    whole = [
        {"table": table.spec.id, "dataset": title, **asdict(finding)}
        for table, title, finding in found
    ]
    content = {"schema": FINDINGS_SCHEMA, "findings": whole}
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    (folder / "findings.json").write_text(f"{text}\n", encoding="utf-8")


def _finding_row(table: Table, title: str, finding: Finding) -> dict[str, Any]:
    claim = finding.claim
    return {
        "table": table.spec.id,
        "dataset": title,
        "claim": claim.text,
        "paper": paper_named(finding, table),
        "source": claim.source,
        "metric": finding.metric,
        "published": finding.published,
        "claimed size": finding.size,
        "difference": finding.difference,
        "low": finding.low,
        "high": finding.high,
        "level": None if finding.level is None else round(finding.level, 4),
        "p": finding.p,
        "verdict": finding.verdict,
        "size": finding.size_verdict,
        "seeds": finding.seeds,
        "how": finding.how,
    }


def _write_tables(tables: Sequence[Table], folder: Path) -> None:
    place = folder / "tables"
    place.mkdir()
    for table in tables:
        name = table.spec.id.replace("/", "-")
        write_csv(table, place / f"{name}.csv")
        asked = [block for block in table.blocks if block.findings]
        if asked:
            svg = claims_forest([table], table.spec.title)
            if len(asked) > 1:
                data = {block.title: (table, block.dataset) for block in asked}
                svg = claims_grid(data, table.spec.title)
            (place / f"{name}.svg").write_text(svg, encoding="utf-8")
