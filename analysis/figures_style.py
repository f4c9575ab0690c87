"""SVG figures that read well on light and dark pages, in colour and without it.

Ink is `currentColor`, so a figure inherits the page's text colour; as a file of its own it follows
`prefers-color-scheme`. Series colours are mid-tones of at least 3:1 contrast on white and on
near-black, and every series has its own dash pattern, so that colour is never alone. Output is the
same byte for byte for the same data.
"""

import io
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from html import escape
from typing import Any

import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes

INK = "#010203"  # stands for the page's text colour until the SVG is finished
COLOURS = ("#2f7ed8", "#d2601a", "#1f9254", "#a463c9", "#c2418c", "#8a7a1f", "#1b97a6", "#c7473f")
DASHES: tuple[Any, ...] = (
    "-",
    (0, (5, 1.6)),
    (0, (1.2, 1.2)),
    (0, (6, 1.5, 1.2, 1.5)),
    (0, (9, 2)),
)
PANEL_INCHES = (5.2, 3.3)
MAX_POINTS = 300

RC: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "rankdet",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10,
    "text.parse_math": False,  # a name with a $ is a name, not a formula
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.16,
    "grid.linewidth": 0.8,
    "lines.linewidth": 1.6,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": INK,
}

STANDALONE = (
    "<style>svg{color:#1c2128;font-family:system-ui,sans-serif}"
    "@media(prefers-color-scheme:dark){svg{color:#e6e9ee}}</style>"
)


@dataclass(frozen=True)
class Panel:
    """One chart: `draw` fills a matplotlib Axes; `alt` says in words what is to be seen.

    Attributes:
        name: short name, used in file names and element ids.
        alt: text alternative.
        draw: puts the data into an Axes.
        data: what is drawn, in long form: `series`, the x column, `value`, and bands if any.
    """

    name: str
    alt: str
    draw: Callable[[Axes], None]
    data: pd.DataFrame


def styled(names: Iterable[str]) -> list[tuple[str, str, Any]]:
    """Gives each series a colour and a dash: eight colours and five dashes, in step."""
    return [
        (name, COLOURS[i % len(COLOURS)], DASHES[i % len(DASHES)]) for i, name in enumerate(names)
    ]


def panel_svg(panel: Panel, prefix: str) -> str:
    """One panel as inline SVG, its element ids starting with `prefix`."""
    return _svg([panel], f"{prefix}-{panel.name}", panel.alt)


def figure_svg(panels: list[Panel], prefix: str, title: str) -> str:
    """All panels side by side as an SVG file that stands alone."""
    text = _svg(panels, prefix, f"{title}. " + " ".join(panel.alt for panel in panels))
    head, rest = text.split(">", 1)
    return f'{head} xmlns="http://www.w3.org/2000/svg">{STANDALONE}{rest}\n'


def _svg(panels: list[Panel], prefix: str, alt: str) -> str:
    width, height = PANEL_INCHES
    with matplotlib.rc_context(RC):
        size = (width * len(panels), height)
        figure, axes = plt.subplots(
            1, len(panels), figsize=size, layout="constrained", squeeze=False
        )
        try:
            for axis, panel in zip(axes[0], panels, strict=True):
                panel.draw(axis)
            stream = io.StringIO()
            figure.savefig(stream, format="svg", metadata={"Date": None})
        finally:
            plt.close(figure)
    return _finish(stream.getvalue(), prefix, alt)


def _finish(text: str, prefix: str, alt: str) -> str:
    """Makes matplotlib's SVG embeddable: no prolog, own ids, page ink, a text alternative."""
    prefix = re.sub(r"[^A-Za-z0-9_-]+", "-", prefix)
    body = text[text.index("<svg") :]
    box = re.search(r'viewBox="([^"]+)"', body)
    content = body[body.index(">") + 1 : body.rindex("</svg>")]
    content = re.sub(r"<metadata>.*?</metadata>\s*", "", content, flags=re.S)
    content = re.sub(r"<style[^>]*>.*?</style>\s*", "", content, flags=re.S)
    content = re.sub(r"<!--.*?-->\s*", "", content, flags=re.S)
    content = content.replace("xlink:href", "href").replace(INK, "currentColor")
    content = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', content)
    content = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", content)
    content = re.sub(r'href="#([^"]+)"', rf'href="#{prefix}-\1"', content)
    content = re.sub(r"(font: [^;\"]*?px)[^;\"]*", r"\1 system-ui, sans-serif", content)
    content = content.replace("#000000", "currentColor")
    return (
        f'<svg viewBox="{box.group(1) if box else ""}" role="img" aria-labelledby="{prefix}-alt" '
        f'stroke-linejoin="round" class="plot"><title id="{prefix}-alt">{escape(alt)}</title>'
        f"{content.strip()}</svg>"
    )


def thin(x: Any, y: Any) -> tuple[Any, Any, Any, Any]:
    """Averages a long curve into at most 300 bins.

    Args:
        x: (N,) ascending.
        y: (N,) values; NaN is left out.

    Returns:
        (B,) centres, means, minima and maxima; a short curve comes back as it is.
    """
    keep = ~np.isnan(y)
    x, y = np.asarray(x)[keep], np.asarray(y)[keep]
    if len(x) <= 2 * MAX_POINTS:
        return x, y, y, y
    starts = np.linspace(0, len(x), MAX_POINTS + 1).astype(int)[:-1]
    sizes = np.diff([*starts, len(x)])
    sums = (np.add.reduceat(values, starts) for values in (x.astype(float), y))
    centres, means = (total / sizes for total in sums)
    return centres, means, np.minimum.reduceat(y, starts), np.maximum.reduceat(y, starts)


def legend(axis: Axes) -> None:
    """Puts a legend above the axes, where it hides no data."""
    handles, labels = axis.get_legend_handles_labels()
    if handles:
        columns = (
            1 if max(map(len, labels)) > 34 else min(len(labels), 3 if len(labels) != 4 else 2)
        )
        axis.legend(
            handles, labels, loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, handlelength=3
        )
