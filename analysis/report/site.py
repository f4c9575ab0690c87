"""The report's folder: templates, page paths, links between pages, and the files beside them."""

import base64
import hashlib
import posixpath
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from analysis.records import REPOSITORY, STATUSES, Study, slug
from analysis.report.formatting import NONE, count, duration, number

TEMPLATES = REPOSITORY / "reports" / "templates"
STYLE = REPOSITORY / "reports" / "style.css"
SCRIPT = REPOSITORY / "reports" / "leaderboard.js"
GLYPHS = dict(zip(STATUSES, "●○◐✕✕◌◌", strict=True))


def run_page(key: str) -> str:
    """The page of a run, relative to the report's folder."""
    return "runs/" + "/".join(slug(part) for part in key.split("/")) + ".html"


class Site:
    """Renders pages into a folder; every page is self-contained but for images and links.

    Attributes:
        folder: the report's folder.
        study: what is reported.
    """

    def __init__(self, study: Study, folder: Path, papers: list[dict[str, str]]) -> None:
        self.study = study
        self.folder = folder
        self.papers = papers
        self._environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        script = SCRIPT.read_text(encoding="utf-8")
        hashed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        self._environment.filters.update(number=number, duration=duration, count=count)
        self._environment.globals.update(
            study=study,
            papers=papers,
            style=Markup(STYLE.read_text(encoding="utf-8")),
            script=Markup(script),
            script_hash=f"sha256-{hashed}",
            glyphs=GLYPHS,
            none_text=NONE,
            run_page=run_page,
        )

    def write(self, page: str, template: str, **context: Any) -> None:
        """Renders a template into `page`, a path relative to the report's folder."""
        folder = posixpath.dirname(page)

        def link(target: str) -> str:
            return posixpath.relpath(target, folder or ".")

        text = self._environment.get_template(template).render(
            page=page, link=link, with_script=template == "index.html.j2", **context
        )
        path = self.folder / page
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
