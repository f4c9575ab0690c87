"""Builds the whole report: overview, one page per paper, one per run, and how to read it."""

import shutil
from pathlib import Path

from rankdet.errors import InputError
from rankdet.evaluation.registry import METRICS, grouped
from rankdet.papers.export import write_table
from rankdet.papers.figures import make_figure, write_figure
from rankdet.papers.findings import with_findings
from rankdet.papers.folders import paper_of, reading_order
from rankdet.papers.load import load_spec
from rankdet.papers.table import make_table, spec_path
from rankdet.report.compare_page import SHOWN, compare_page, groups
from rankdet.report.cost import cost_of, write_cost
from rankdet.report.index_page import finding_lines, overview
from rankdet.report.paper_page import Part, figure_part, table_part
from rankdet.report.run_page import run_context
from rankdet.report.site import Site, run_files, run_page
from rankdet.results.leaderboard import leaderboard, write_leaderboard
from rankdet.results.records import Study, load_study

MARK = ".rankdet-report"


def build_report(plan_path: str | Path, out_dir: str | Path) -> Path:
    """Writes a study's report as a folder of static pages that need no network.

    Whatever is missing (runs that failed or have not started, unreadable records, no images) is
    said on the pages; the numbers come from the same functions as the files in the study's folder.
    The new report replaces the old one as a whole, so no page of a run that is gone stays behind.

    Args:
        plan_path: `results/<study>/plan.json`.
        out_dir: the report's folder; a folder that holds something else is refused.

    Returns:
        The path of `index.html`.

    Raises:
        InputError: the plan or a specification cannot be used, or `out_dir` is somebody else's or
            cannot be written.
    """
    study = load_study(plan_path)
    target = Path(out_dir)
    if target.exists() and not target.is_dir():
        raise InputError(f"{target}: is a file; name a folder")
    if target.exists() and any(target.iterdir()) and not (target / MARK).exists():
        raise InputError(f"{target}: holds files that are no report; name another folder")
    whole = target.absolute()
    folder = whole.with_name(f".{whole.name}.new")
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(parents=True)
        (folder / MARK).write_text("rankdet report\n", encoding="utf-8")
        _write_pages(study, folder)
        shutil.rmtree(target, ignore_errors=True)
        folder.rename(target)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"{target}: the report cannot be written: {reason}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return target / "index.html"


def _write_pages(study: Study, folder: Path) -> None:
    parts = _paper_parts(study, folder)
    papers = [paper_of(name) for name in parts]
    site = Site(study, folder, papers)
    compared = groups(study, folder)
    site.offer(compared)
    entries = leaderboard(study)
    write_leaderboard(entries, folder / "leaderboard.csv")
    cost = cost_of(study)
    if cost is not None:
        write_cost(cost, folder / "cost.csv")
    answers = [line for name in parts for line in finding_lines(parts[name])]
    context = overview(study, entries)
    site.write("index.html", "index.html.j2", cost=cost, findings=answers, **context)
    for paper in papers:
        page = f"papers/{paper.name}.html"
        site.write(page, "paper.html.j2", paper=paper, parts=parts[paper.name])
    for group in compared:
        site.write(group.page, "compare.html.j2", group=group, columns=SHOWN)
    pages = {group.page for group in compared}
    for run in study.runs:
        compare = compare_page(run) if compare_page(run) in pages and not run.untrained else ""
        context = run_context(study, run, folder, run_files(run.key))
        site.write(run_page(run.key), "run.html.j2", compare_page=compare, **context)
    site.write("reading.html", "reading.html.j2", metric_groups=grouped(METRICS))


def _paper_parts(study: Study, folder: Path) -> dict[str, list[Part]]:
    """Paper name to its tables and figures, whose files are written beside the pages."""
    parts: dict[str, list[Part]] = {}
    for entry in study.plan.tables:
        spec = load_spec(spec_path(study, entry.spec))
        table = with_findings(study, make_table(study, spec))
        write_table(table, folder / "tables" / spec.id)
        parts.setdefault(spec.paper, []).append(table_part(table))
    for entry in study.plan.figures:
        spec = load_spec(spec_path(study, entry.spec))
        figure = make_figure(study, spec)
        write_figure(figure, folder / "figures" / spec.id)
        parts.setdefault(spec.paper, []).append(figure_part(figure))
    for part in parts.values():
        part.sort(key=lambda one: reading_order(one.spec.id))
    return dict(sorted(parts.items(), key=lambda item: reading_order(item[0])))
