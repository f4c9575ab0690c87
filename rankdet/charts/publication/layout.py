"""The layout of a figure: charts that stand above each other have equal left and right edges."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.transforms import Bbox

Stack = Sequence[Sequence[Axes]]  # the axes of charts of one width, from the top


class AlignedLayout(ConstrainedLayoutEngine):
    """matplotlib's constrained layout, which then aligns charts that stand above each other.

    That layout gives each chart the space of its own labels, so `1/100` makes a chart narrower
    than one with `1.5`.
    """

    def __init__(self) -> None:
        super().__init__()
        self._stacks: list[Stack] = []

    def add(self, stack: Stack) -> None:
        """Adds charts that stand above each other."""
        self._stacks.append(stack)

    def execute(self, fig: Figure) -> None:
        """Lays the figure out."""
        super().execute(fig)
        for stack in self._stacks:
            _align(stack)


def _align(stack: Stack) -> None:
    """Moves the axes of each chart to the narrowest common left and right edges."""
    places = [[on.get_position(original=True) for on in chart] for chart in stack]
    ends = [(min(p.x0 for p in chart), max(p.x1 for p in chart)) for chart in places]
    left, right = max(low for low, _ in ends), min(high for _, high in ends)
    if left >= right:
        return
    for chart, known, (low, high) in zip(stack, places, ends, strict=True):
        scale = (right - left) / (high - low)
        for on, place in zip(chart, known, strict=True):
            x0, x1 = (left + (x - low) * scale for x in (place.x0, place.x1))
            on.set_position(Bbox([[x0, place.y0], [x1, place.y1]]))
            on.set_in_layout(True)  # `set_position` takes axes out of later layouts
