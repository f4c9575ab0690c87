"""Styles of publication figures: widths and fonts of the places where papers appear."""

from dataclasses import dataclass
from typing import Any

WIDTHS = ("column", "page")
ENDINGS = (".pdf", ".svg", ".png")


@dataclass(frozen=True)
class Style:
    """The look of a figure.

    Attributes:
        column: width of a column in inches.
        page: width of the text of a page in inches.
        fonts: families, the first that has a letter is used. matplotlib brings all of them.
        size: size of the text in points.
    """

    column: float
    page: float
    fonts: tuple[str, ...]
    size: float

    def width(self, name: str) -> float:
        """The width in inches of a name of `WIDTHS`."""
        return self.column if name == "column" else self.page

    def settings(self) -> dict[str, Any]:
        """The settings of matplotlib: embedded fonts, thin lines, no maths in names."""
        return {
            "font.family": list(self.fonts),
            "font.size": self.size,
            "axes.labelsize": self.size,
            "axes.titlesize": self.size,
            "xtick.labelsize": self.size - 1,
            "ytick.labelsize": self.size - 1,
            "legend.fontsize": self.size - 1,
            "axes.linewidth": 0.6,
            "grid.linewidth": 0.4,
            "xtick.major.width": 0.6,
            "ytick.major.width": 0.6,
            "xtick.major.size": 2.5,
            "ytick.major.size": 2.5,
            "pdf.fonttype": 42,  # TrueType: journals refuse type 3
            "ps.fonttype": 42,
            "svg.fonttype": "path",
            "svg.hashsalt": "rankdet",  # the same figure is the same file
            "text.parse_math": False,  # a dollar in the name of a class is a dollar
            "axes.unicode_minus": True,
        }


SERIF, SANS = ("STIXGeneral", "DejaVu Sans"), ("DejaVu Sans",)
STYLES = {
    "ieee": Style(3.5, 7.16, SERIF, 8),
    "neurips": Style(2.7, 5.5, SERIF, 8),
    "default": Style(3.5, 7.0, SANS, 7),
}
