"""What the first page shows: counts, the leaderboard, the datasets, and what went wrong."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rankdet.evaluation.metric import HIGHER
from rankdet.papers.findings import counts
from rankdet.papers.folders import paper_of
from rankdet.papers.table_model import MISSING
from rankdet.report.paper_page import Part
from rankdet.results.leaderboard import BASELINE, Entry, columns, is_untrained
from rankdet.results.records import Study
from rankdet.results.status import STATUSES


@dataclass(frozen=True)
class Line:
    """A row of the leaderboard on the page.

    Attributes:
        entry: What it shows.
        best: Keys of the metrics in which it is the best of its dataset and split.
    """

    entry: Entry
    best: frozenset[str]


def overview(study: Study, entries: Sequence[Entry]) -> dict[str, Any]:
    """The context of the first page."""
    counts = Counter(run.status for run in study.runs)
    constant = _constant(entries)
    return {
        "lines": _lines(entries),
        "columns": columns(entries),
        "baseline": BASELINE,
        "constant": constant,
        "shared": ", ".join(_shared(entries, constant)),
        "counts": [(status, counts[status]) for status in STATUSES if counts[status]],
        "known_statuses": STATUSES,
        "total": len(study.runs),
        "datasets": _datasets(study),
    }


def _datasets(study: Study) -> list[dict[str, Any]]:
    """Title and manifest of each dataset, or the problem with its manifest."""
    problems = study.manifest_problems
    return [
        {
            "title": study.dataset_title(dataset.name),
            "manifest": study.manifests.get(dataset.name),
            "problem": problems.get(dataset.name),
        }
        for dataset in study.plan.datasets
    ]


def finding_lines(parts: Sequence[Part]) -> list[dict[str, Any]]:
    """One line a table with claims that have an answer: where it stands and how many hold."""
    lines = []
    for part in parts:
        asked = [finding for block in part.table.blocks for finding in block.findings]
        if any(finding.verdict != MISSING for finding in asked):
            lines.append(
                {
                    "paper": part.spec.paper,
                    "short": paper_of(part.spec.paper).short,
                    "title": part.spec.title,
                    "anchor": part.anchor,
                    "counts": counts(asked),
                }
            )
    return lines


def _lines(entries: Sequence[Entry]) -> list[Line]:
    best: dict[int, set[str]] = {}
    groups: dict[tuple[str, str], list[int]] = {}
    for position, entry in enumerate(entries):
        if not is_untrained(entry):
            groups.setdefault((entry.dataset, entry.split), []).append(position)
    for group in groups.values():
        for metric in columns(entries):
            values = {p: entries[p].values.get(metric.key) for p in group}
            printed = {p: round(v, metric.decimals) for p, v in values.items() if v is not None}
            if len(printed) < 2 or metric.better is None:
                continue
            top = (max if metric.better == HIGHER else min)(printed.values())
            for position in (p for p, v in printed.items() if v == top):
                best.setdefault(position, set()).add(metric.key)
    return [Line(entry, frozenset(best.get(p, ()))) for p, entry in enumerate(entries)]


def _constant(entries: Sequence[Entry]) -> set[str]:
    """Which of dataset, split, detector and seed are the same in every row: said once instead."""
    values: dict[str, set[object]] = {
        "dataset": {e.dataset_title for e in entries},
        "split": {e.split for e in entries},
        "seed": {e.seed for e in entries},
    }
    return {name for name, found in values.items() if len(found) == 1}


def _shared(entries: Sequence[Entry], constant: set[str]) -> list[str]:
    if not entries:
        return []
    first = entries[0]
    named = {
        "dataset": first.dataset_title,
        "split": f"split “{first.split}”",
        "seed": f"seed {first.seed}",
    }
    return [text for name, text in named.items() if name in constant]
