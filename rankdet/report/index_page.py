"""The first page: what was found, plots of losses and claims, leaderboard, datasets and cost."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from rankdet.files import write_text
from rankdet.papers.forest import claims_forest, forest_panels, heading
from rankdet.papers.table_model import Block, Table
from rankdet.papers.verdicts import FAILS, HOLDS, UNDECIDED
from rankdet.report.claims_matrix import OUTCOMES, SMALLER, claims_matrix
from rankdet.report.compare_page import Comparison
from rankdet.report.contests import contests
from rankdet.report.cost import cost_of, write_cost
from rankdet.report.headlines import headlines
from rankdet.report.leaderboard_latex import leaderboard_latex
from rankdet.report.learning_rates import rates, tuning_lines
from rankdet.report.loss_plots import loss_plots
from rankdet.report.paper_page import Section
from rankdet.report.pareto_plots import pareto_plots
from rankdet.report.paths import INDEX
from rankdet.report.records import study_leaderboard
from rankdet.report.references import BIBTEX, bibtex, other_names, references
from rankdet.report.run_metrics import Value, value_of
from rankdet.report.site import MARKS, Site
from rankdet.results.layout import LEADERBOARD, LEADERBOARD_OF_SEEDS
from rankdet.results.leaderboard import BASELINE, Entry, columns, write_leaderboard
from rankdet.results.records import RecordedStudy
from rankdet.results.seed_groups import SeedGroup, seed_groups, write_seed_groups
from rankdet.results.status import STATUSES

DECIDED = (HOLDS, FAILS)  # what "most claims are decided" counts
SEEDS_TEX = "leaderboard-seeds.tex"


@dataclass(frozen=True)
class Line:
    """A row of the leaderboard on the page.

    Attributes:
        group: What it shows: the runs of one loss, detector and split.
        images: Of a single seed, metric key to its interval over images.
    """

    group: SeedGroup
    images: Mapping[str, Value]


def write_index_page(
    site: Site, sections: Mapping[str, Sequence[Section]], compared: Sequence[Comparison]
) -> None:
    """Writes the first page, the files of the leaderboard, and `cost.csv`.

    Args:
        site: the report.
        sections: tables and figures of each paper.
        compared: the comparisons that the page links to.
    """
    entries = study_leaderboard(site.study)
    write_leaderboard(entries, site.folder / LEADERBOARD)
    lines = _lines(site.study, entries)
    groups = [line.group for line in lines]
    write_seed_groups(groups, site.folder / LEADERBOARD_OF_SEEDS)
    study = site.study
    latex = leaderboard_latex(groups, study.name, study.title, study.scale)
    write_text(site.folder / SEEDS_TEX, latex)
    write_text(site.folder / BIBTEX, bibtex(site.study.plan.sources))
    cost = cost_of(site.study)
    if cost is not None:
        write_cost(cost, site.folder / "cost.csv")
    shown = contests(site.study, groups)
    main = {run.key: run.main.split for run in site.study.runs}
    images = {
        line.group.key: line.images
        for line in lines
        if line.group.first.split == main[line.group.first.key]
    }
    site.write(
        INDEX,
        "index.html.j2",
        headlines=headlines(shown),
        loss_plots=loss_plots(shown, images),
        pareto_plots=pareto_plots(site.study, shown),
        pages={one.page for one in compared},
        cost=cost,
        claims=claims_matrix(sections),
        heading=heading,
        outcomes=OUTCOMES,
        marks={**MARKS, SMALLER: "✓↓"},
        forest=_forest(sections),
        comparisons=compared,
        lines=lines,
        several_seeds=any(len(line.group.entries) > 1 for line in lines),
        references=references(site.study.plan.sources),
        bibtex=BIBTEX,
        other_names=other_names(site.study.plan.sources),
        urls={run.key: run.planned.url for run in site.study.runs if run.planned.url},
        seeds_csv=LEADERBOARD_OF_SEEDS,
        seeds_tex=SEEDS_TEX,
        **_overview(site.study, entries),
    )


def _overview(study: RecordedStudy, entries: Sequence[Entry]) -> dict[str, Any]:
    counts = Counter(run.status for run in study.runs)
    constant = _constant(entries)
    return {
        "tuning": tuning_lines(study),
        "rates": rates(study),
        "columns": columns(entries),
        "baseline": BASELINE,
        "constant": constant,
        "shared": ", ".join(_shared(entries, constant)),
        "counts": [(status, counts[status]) for status in STATUSES if counts[status]],
        "known_statuses": STATUSES,
        "total": len(study.runs),
        "datasets": _datasets(study),
    }


def _datasets(study: RecordedStudy) -> list[dict[str, Any]]:
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


def _forest(sections: Mapping[str, Sequence[Section]]) -> dict[str, Any] | None:
    """Returns the forest plot of a table's claims; None if no claim of three seeds was tested."""
    chosen = most_decided(sections)
    if chosen is None:
        return None
    part, block = chosen
    title = f"{part.spec.title}, {block.title}"
    # `claims_forest` escapes all names.
    svg = Markup(claims_forest([part.table], title, block.dataset, "forest-plot"))
    decided = sum(_drawn(part.table, block.dataset)[word] for word in DECIDED)
    return {"svg": svg, "paper": part.spec.paper, "anchor": part.anchor, "decided": decided}


def most_decided(sections: Mapping[str, Sequence[Section]]) -> tuple[Section, Block] | None:
    """Returns the table and dataset where most claims hold or do not hold, the first of equals.

    The number of undecided claims chooses only between equals; None if no claim was tested.
    """
    best, most = None, (0, 0)
    for part in (part for paper in sections.values() for part in paper):
        for block in part.table.blocks:
            drawn = _drawn(part.table, block.dataset)
            count = (sum(drawn[word] for word in DECIDED), drawn[UNDECIDED])
            if count > most:
                best, most = (part, block), count
    return best


def _drawn(table: Table, dataset: str) -> Counter[str]:
    """Returns how often each verdict is in the forest plot of a table."""
    rows = (row for panel in forest_panels([table], dataset) for row in panel.rows)
    return Counter(row.verdict for row in rows)


def _lines(study: RecordedStudy, entries: Sequence[Entry]) -> list[Line]:
    found = {(run.key, one.split): one for run in study.runs for one in run.evaluations}
    with_intervals = [m for m in columns(entries) if m.interval and m is not BASELINE]
    lines = []
    for group in seed_groups(entries):
        evaluation = found.get((group.first.key, group.first.split))
        single = len(group.entries) == 1 and group.first.values.get("AP") is not None
        record = evaluation.content if evaluation and single else {}
        shown = with_intervals if single else []
        lines.append(Line(group, {m.key: value_of(record, m) for m in shown}))
    return lines


def _constant(entries: Sequence[Entry]) -> set[str]:
    """Returns which of dataset, split and seed are equal in all rows; they are shown once."""
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
        "seed": f"one seed each: {first.seed}",
    }
    return [text for name, text in named.items() if name in constant]
