"""The page of a study's progress: counts, running trainings with their curves, failures."""

import base64
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from rankdet.charts.chart import Chart, Series
from rankdet.charts.svg import chart_svg
from rankdet.repository import STATIC, TEMPLATES
from rankdet.results.status import FAILED
from rankdet.study.config.model import StudyConfig
from rankdet.study.progress import (
    DONE,
    STATES,
    TO_COME,
    TRAINED,
    TRAINING,
    Progress,
    RunNow,
    clock,
    ending,
)


@dataclass(frozen=True)
class ReportState:
    """The report beside the page.

    Attributes:
        when: time of its build, as `time.time`; None if there is none yet.
        current: whether it shows the records as they are.
        building: whether a newer one is being built.
        problem: why the last build failed; empty if it did not.
        gone: whether the study that it shows was removed.
    """

    when: float | None = None
    current: bool = False
    building: bool = False
    problem: str = ""
    gone: bool = False


class ProgressPage:
    """Renders the page.

    Args:
        config: the config of the study.
        has_page: returns the address of a run's page in the report; empty if it has none yet.
    """

    def __init__(self, config: StudyConfig, has_page: Callable[[str], str] = lambda _: "") -> None:
        self.config, self.has_page = config, has_page
        environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters.update(clock=clock)
        self._template = environment.get_template("progress.html.j2")
        self._style = Markup((STATIC / "style.css").read_text(encoding="utf-8"))
        script = (STATIC / "progress.js").read_text(encoding="utf-8")
        self._script = Markup(script)
        hashed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        self.policy = (
            f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{hashed}'; "
            "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
            "frame-ancestors 'none'"
        )

    def render(self, progress: Progress, report: ReportState) -> bytes:
        """Returns the page as HTML in UTF-8."""
        running = progress.of(TRAINING)
        left = None if progress.left == 0 else ending(progress.left)
        text = self._template.render(
            config=self.config,
            style=self._style,
            script=self._script,
            counts={state: len(progress.of(state)) for state in STATES},
            total=len(progress.runs),
            done=progress.of(DONE),
            trained=progress.of(TRAINED),
            to_come=progress.of(TO_COME),
            failed=progress.of(FAILED),
            running=[(one, _curve(one, place)) for place, one in enumerate(running)],
            ending=left,
            report=report,
            built=time.strftime("%H:%M:%S", time.localtime(report.when)) if report.when else "",
            page_of=self.has_page,
        )
        return text.encode()


def _curve(one: RunNow, place: int) -> Markup:
    """The loss of a running training so far; empty before two points of it are known."""
    training = one.training
    if training is None or len(training.look.curve) < 2:
        return Markup()
    points = np.array(training.look.curve)
    end = float(training.total or points[-1, 0])
    chart = Chart(
        name=f"loss-{place}",
        alt=f"Training loss of {one.run.key} up to iteration {training.look.iteration}: "
        f"{points[0, 1]:.3g} at first, {points[-1, 1]:.3g} now.",
        x_label="iteration",
        y_label="loss",
        series=(Series("loss", points[:, 0], points[:, 1]),),
        x_limits=(0.0, max(end, float(points[-1, 0]))),
    )
    return Markup(chart_svg(chart, "live"))
