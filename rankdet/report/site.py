"""Renders the templates of a report; all pages share style, menu and the names of runs."""

import base64
import hashlib
import posixpath
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from rankdet.papers.folders import Paper
from rankdet.papers.loss_looks import loss_looks
from rankdet.papers.verdicts import VERDICTS
from rankdet.report.formatting import NONE, count, duration, end, number, p_value
from rankdet.report.paths import run_page
from rankdet.report.sample_images import MARKS as MARKS_OF_BOXES
from rankdet.report.study_facts import command, record, study_facts
from rankdet.repository import STATIC, TEMPLATES
from rankdet.results.recorded_run import RecordedRun
from rankdet.results.records import RecordedStudy
from rankdet.results.status import STATUSES

STYLES = ("style.css", "charts.css")  # of every page
MORE_STYLES = {"compare.html.j2": ("compare.css",)}  # template to further styles of its pages
SCRIPTS = {  # template to the only scripts that its pages may run
    "index.html.j2": ("leaderboard.js",),
    "compare.html.j2": ("charts.js", "compare.js"),
    "paper.html.j2": ("charts.js",),
    "run.html.j2": ("charts.js",),
}
MARKS = dict(zip(VERDICTS, "✓✗?↕–", strict=True))
GLYPHS = dict(zip(STATUSES, "●◉◈○◐✕✕◍◌◌", strict=True))


class Site:
    """Renders pages into a folder; a page needs no other file except images.

    Args:
        study: the study.
        folder: the report's folder.
        papers: the papers in the menu.
        compared: whether there are comparison pages.

    Attributes:
        looks: loss with its variants to its look in charts (`rankdet.charts.looks`).
    """

    def __init__(
        self, study: RecordedStudy, folder: Path, papers: Sequence[Paper], *, compared: bool
    ) -> None:
        self.study = study
        self.folder = folder
        self.papers = papers
        self.looks = loss_looks(study)
        self.notes: dict[str, None] = {}  # lines for the terminal, about files that are damaged
        self._static: dict[str, dict[str, str]] = {}
        self._environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters.update(
            number=number,
            end=end,
            duration=duration,
            count=count,
            run_name=self.run_name,
            loss_name=self.loss_name,
            p_value=p_value,
        )
        self._environment.globals.update(
            study=study,
            papers=papers,
            compared=compared,
            glyphs=GLYPHS,
            box_marks=MARKS_OF_BOXES,
            marks=MARKS,
            verdicts=tuple(MARKS),
            none_text=NONE,
            facts_of_study=study_facts(study),
            command=partial(command, study),
            record=partial(record, study),
            run_page=run_page,
        )

    def run_name(self, run: RecordedRun) -> str:
        """Returns a run's loss, with schedule and seed if the study has several of them."""
        same = [r for r in self.study.runs if r.full_loss == run.full_loss]
        seed = f"seed {run.seed}" if len({r.seed for r in same}) > 1 else ""
        return " · ".join(filter(None, [self.loss_name(run), seed]))

    def loss_name(self, run: RecordedRun) -> str:
        """Returns a run's loss, with the schedule if the study has several, without the seed."""
        same = [r for r in self.study.runs if r.full_loss == run.full_loss]
        schedule = run.schedule if len({r.schedule for r in same}) > 1 else ""
        return " · ".join(filter(None, [run.title("loss"), schedule]))

    def render(self, page: str, template: str, **context: Any) -> Markup:
        """Renders a template as a part of `page`, a path relative to the report's folder."""
        text = self._environment.get_template(template).render(
            page=page, link=_links_from(page), **context
        )
        return Markup(text)  # the template has escaped all values

    def write(self, page: str, template: str, **context: Any) -> None:
        """Renders a template into `page`, a path relative to the report's folder."""
        if template not in self._static:
            self._static[template] = _static(template)
        text = self.render(
            page,
            template,
            **self._static[template],
            **context,
        )
        path = self.folder / page
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _static(template: str) -> dict[str, str]:
    """Returns the style of the pages of a template, their scripts, and the hash of these."""
    script = _joined(SCRIPTS.get(template, ()))
    hashed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return {
        "style": Markup(_joined((*STYLES, *MORE_STYLES.get(template, ())))),
        "script": Markup(script),
        "script_hash": f"sha256-{hashed}",
    }


def _joined(names: Sequence[str]) -> str:
    """The text of static files, without indentation: every page has a copy."""
    texts = ((STATIC / name).read_text(encoding="utf-8") for name in names)
    return re.sub(r"(?m)^[ ]+", "", "".join(texts))


def _links_from(page: str) -> Callable[[str], str]:
    """Returns a function that gives the relative address of another page."""
    folder = posixpath.dirname(page)

    def link(target: str) -> str:
        return posixpath.relpath(target, folder or ".")

    return link
