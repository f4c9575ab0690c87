"""Colours, dashes and shapes of series, the same on pages and in publications.

The colours have a contrast of at least 3:1 on white and on near-black. Two of them differ by at
least 23 in CIELAB, also for readers with protanopia, deuteranopia and tritanopia (`tests/charts`).
Neighbouring series also differ in their dashes or shapes.
"""

COLOURS = ("#309cd8", "#d87800", "#9024fc", "#905460", "#789c60", "#cc0024", "#c00090", "#6054cc")
GREYS = ("#5f6670", "#8b939e")  # of what is no loss beside one; contrast as above
DASHES = ("", "7 3", "3 2", "9 3 2 3", "14 3")  # lengths of lines and gaps, as in SVG
DOTTED = DASHES[2]
SHAPES = ("circle", "square", "triangle", "diamond", "cross")  # the first is filled
FEW = 40  # up to this number, dots of a series have its shape
LOW, MIDDLE, HIGH = "#c2560c", "#f4f4f2", "#1f6fb8"  # of a heat map: below, at and above 0


def colour(place: int) -> str:
    """The colour of a place in a legend; after eight they begin again. Below 0 are greys."""
    return COLOURS[place % len(COLOURS)] if place >= 0 else GREYS[(-1 - place) % len(GREYS)]


def dashes(place: int) -> str:
    """The dashes of a place in a legend; empty for a solid line."""
    return DASHES[place % len(DASHES)]


def shape(place: int) -> str:
    """The shape of the dots of a place in a legend."""
    return SHAPES[place % len(SHAPES)]


def line_width(place: int, count: int, layered: bool, dash: str = "") -> float:
    """The width of a line in pixels of a page: of layered curves the first is the widest.

    Args:
        place: its place in the legend.
        count: number of places.
        layered: whether the curves of the chart may lie on each other.
        dash: its dashes. A line of short ones is wider: much of it is gaps, so it looks pale.
    """
    usual = 2.6 if dash == DOTTED else 1.9
    return usual + 2.3 * max(0, count - 1 - place) if layered else usual


def heat_colour(value: float, largest: float) -> str:
    """The colour of a value in a heat map whose values lie between -largest and largest."""
    share = max(-1.0, min(1.0, value / largest)) if largest > 0 else 0.0
    end = HIGH if share > 0 else LOW
    parts = [
        round(int(MIDDLE[i : i + 2], 16) * (1 - abs(share)) + int(end[i : i + 2], 16) * abs(share))
        for i in (1, 3, 5)
    ]
    return "#" + "".join(f"{part:02x}" for part in parts)


def text_colour(background: str) -> str:
    """Black or white, whichever is easier to read on a colour."""
    parts = (int(background[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    luminance = sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    return "#000000" if luminance > 0.179 else "#ffffff"  # there both have the same contrast
