"""The claims of a paper that our numbers can test."""

import math
from dataclasses import dataclass

SIZES = ("within", "at_least", "about", "equals")


@dataclass(frozen=True)
class Claim:
    """A claim of the paper: a comparison of two cells, or the value of one.

    At most one of `within`, `at_least`, `about` and `equals` is given. Without them the claim is
    that the better side is better by any amount. Sizes are in printed units.

    Attributes:
        text: the claim in a few words.
        source: the place of the claim in the paper.
        column: header of the metric's column; with `over`, the column of the better side.
        better: row that is better by the claim; by default the only row of a table.
        worse: row that it is compared with.
        over: header of the worse side's column, if it is another column.
        view: the view of the worse side's run, if it is not that of its row: `score>=0.05`.
        average: the comparison is the mean over all rows that have runs.
        ratio: the comparison is better divided by worse, not better minus worse.
        within: both sides differ by at most this much.
        at_least: the better side is better by at least this much.
        about: the better side is better by this much ± `tolerance`.
        equals: the cell (`better`, `column`) has this value ± `tolerance`.
        tolerance: tolerance of `about` and `equals`.
        statement: the claim that this one is a side of. Claims of a table with the same statement
            are counted as one, which is as strong as its weakest side.
    """

    text: str
    source: str
    column: str
    better: str
    worse: str
    over: str = ""
    view: str = ""
    average: bool = False
    ratio: bool = False
    within: float | None = None
    at_least: float | None = None
    about: float | None = None
    equals: float | None = None
    tolerance: float | None = None
    statement: str = ""

    @property
    def directed(self) -> bool:
        """Whether the claim is a gain, whose sign depends on the better direction of the metric."""
        return not self.ratio and self.within is None and self.equals is None

    @property
    def target(self) -> tuple[float, float]:
        """The claimed range of the difference, the ratio or the value."""
        if self.within is not None:
            return -self.within, self.within
        if self.at_least is not None:
            return self.at_least, math.inf
        middle = self.about if self.about is not None else self.equals
        if middle is not None:
            around = self.tolerance or 0.0
            return middle - around, middle + around
        return (1.0 if self.ratio else 0.0), math.inf

    @property
    def null(self) -> float:
        """The value that means "no difference": 1 for a ratio, else 0."""
        return 1.0 if self.ratio else 0.0

    @property
    def sided(self) -> bool:
        """Whether the claim is a direction, and a size that it states is a second statement.

        A claim whose range contains "no difference", such as `within` or a ratio of at least .5, is
        one statement about the range.
        """
        return self.within is None and self.equals is None and self.target[0] >= self.null

    @property
    def sized(self) -> bool:
        """Whether the claim states a size."""
        return any(getattr(self, name) is not None for name in SIZES)

    def size(self, decimals: int, scale: float = 1.0, more: str = "better") -> str:
        """The size in words, such as `about 1.0 ± 0.5 better`; empty for a claim without a size.

        Args:
            decimals: digits to print.
            scale: factor from printed units to the unit of the text.
            more: the word for a gain: `larger` for a metric without a better direction.
        """

        def text(value: float | None) -> str:
            return f"{(value or 0.0) * scale:.{decimals}f}"

        more = "times" if self.ratio else more
        if self.within is not None:
            return f"the same to within {text(self.within)}"
        if self.at_least is not None:
            return f"at least {text(self.at_least)} {more}"
        if self.about is not None:
            return f"about {text(self.about)} ± {text(self.tolerance)} {more}"
        if self.equals is not None:
            return f"{text(self.equals)} ± {text(self.tolerance)}"
        return ""


def fault(claim: Claim) -> str | None:
    """Returns the fault in the sizes of a claim, in a few words; None without a fault."""
    given = [name for name in SIZES if getattr(claim, name) is not None]
    if len(given) > 1:
        return f"{given[0]} and {given[1]} exclude each other; leave one out"
    around = bool({"about", "equals"} & set(given))
    if around and (claim.tolerance is None or claim.tolerance < 0):
        return f"{given[0]} needs a tolerance of 0 or more"
    if not around and claim.tolerance is not None:
        return "tolerance belongs to about or equals; add one of them"
    if claim.ratio and given not in ([], ["at_least"], ["about"]):
        return f"ratio goes with about or at_least, not with {given[0]}"
    if claim.equals is not None and (claim.over or claim.view or claim.average):
        return "equals is about one cell; leave over, view and average out"
    return None
