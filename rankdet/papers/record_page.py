"""The README of a study's record: what was run, on what, and what each claim's answer is."""

from collections.abc import Mapping, Sequence
from typing import Any

from rankdet.papers.evidence import OVER_IMAGES
from rankdet.papers.export import md_escape
from rankdet.papers.findings import counts
from rankdet.papers.gains import column_of, ends_text, gain, gain_text, published_text
from rankdet.papers.spec import Column
from rankdet.papers.statements import counted
from rankdet.papers.table_model import Block, Finding, Table
from rankdet.papers.verdicts import MISSING
from rankdet.results.records import RecordedStudy

FILES = """| file | what |
|---|---|
| `leaderboard.csv` | every run: status and metrics |
| `leaderboard-seeds.csv` | means over seeds, with 95 % intervals |
| `findings.csv`, `findings.json` | every claim: source, the paper's difference, ours, verdict |
| `tables/` | every table as CSV, and its claims as a forest plot |
| `provenance.json` | commit, checksums of plan and data, versions, machine, hours |
"""
HOW = """A claim holds, or does not hold, only with three seeds or more on both sides: by Welch's
interval over seeds, widened for all claims of its table on the same data (Holm). "Undecided" means
that the interval contains both answers. Differences: + is better, as the claim says, in points (AP,
oLRP and correlations × 100); `findings.csv` has plain ones, first minus second in the unit of the
table. The papers' values are of COCO and of long trainings, so an answer here is about this study
alone.
"""
SINGLE = """Where both sides have one seed, the interval in brackets is one over images (paired
bootstrap). It does not cover seed variance, so it decides nothing.
"""


def record_page(study: RecordedStudy, tables: Sequence[Table], facts: Mapping[str, Any]) -> str:
    """Returns the page as Markdown.

    Args:
        study: the study.
        tables: its tables, with findings.
        facts: what `study_provenance` returns.
    """
    answered = [t for t in tables if any(block.findings for block in t.blocks)]
    findings = [f for table in answered for block in table.blocks for f in block.findings]
    once = [one.place.statement.weakest for one in counted(answered)]
    total = ", ".join(f"{count} {word}" for word, count in counts(once).items() if count)
    parts = [
        f"# {md_escape(study.title)}: the outcome",
        f"**{md_escape(study.scale)}**" if study.scale else "",
        _run(facts),
        f"Claims, each counted once on each dataset: {total or 'none was tested'}.",
        "![Forest plot of all claims on the first dataset](forest.svg)",
        HOW.strip(),
        SINGLE.strip() if any(OVER_IMAGES in f.how for f in findings) else "",
        *(part for table in answered for part in _table(table)),
        "## Files",
        FILES.strip(),
        f"`rankdet agree {study.name} FOLDER` compares a study elsewhere with this record.",
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _run(facts: Mapping[str, Any]) -> str:
    runs = facts["runs"]
    status = ", ".join(f"{count} {word}" for word, count in runs["status"].items())
    day = str(facts["finished"] or "")[:10]
    text = f"{runs['with results']} of {runs['planned']} runs have results ({status})"
    text += f"; the last training ended on {day}" if day else ""
    machines = "; ".join(_machine(one) for one in facts["machines"]) or "unknown"
    commits = ", ".join(f"`{str(one['value'])[:8]}`" for one in facts["commits"]) or "unknown"
    hours = f"The trainings took {facts['training_hours']:.1f} hours in all"
    changed = facts.get("uncommitted_changes")
    commits += f", with uncommitted changes in {changed:,} runs" if changed else ""
    return f"{text}. {hours}. Machine: {machines}. Code: {commits}."


def _machine(one: Mapping[str, Any]) -> str:
    name = one.get("gpu") or one.get("cpu") or "unknown"
    threads = one.get("threads")
    each = f", {threads} thread{'s' if threads != 1 else ''} each" if threads else ""
    return f"{one['runs']} runs on {md_escape(str(name))}{each}"


def _table(table: Table) -> list[str]:
    if all(f.verdict == MISSING for block in table.blocks for f in block.findings):
        return [f"## {md_escape(table.spec.title)}", "No claim has an answer."]
    parts = [f"## {md_escape(table.spec.title)}", md_escape(table.spec.caption)]
    for block in table.blocks:
        known = [f for f in block.findings if f.verdict != MISSING]
        if not known:
            continue
        head = "| claim | source | paper | here | answer | seeds |\n|---|---|---|---|---|---|\n"
        parts.append(f"### {md_escape(block.title)}" if len(table.blocks) > 1 else "")
        parts.append(head + "\n".join(_line(f, table.spec.columns) for f in known))
        parts.append(_without(block))
    return parts


def _without(block: Block) -> str:
    lacking = sum(finding.verdict == MISSING for finding in block.findings)
    return (
        f"{lacking} more have no answer on this data; `findings.csv` says why." if lacking else ""
    )


def _line(finding: Finding, columns: Sequence[Column]) -> str:
    found = gain(finding, column_of(finding, columns))
    here = f"{finding.metric} {gain_text(found)}{ends_text(found)}"
    paper = (found.size or "–") if found.published is None else published_text(found)
    cells = [finding.claim.text, finding.claim.source, paper]
    cells += ["–" if found.value is None else here, finding.words, finding.seeds or "exact"]
    return "| " + " | ".join(md_escape(cell) for cell in cells) + " |"
