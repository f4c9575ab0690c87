"""The verdict on a claim from an interval, and its p-value, which never contradict each other.

A claim that is a direction has two statements: does the difference have this direction, and is it
as large as claimed or published? A claim "the same to within m" holds only if the whole interval is
inside ± m (equivalence: Schuirmann, J. Pharmacokinet. Biopharm. 1987), never because no difference
was found.
"""

import math

from rankdet.evaluation.estimates import Estimate
from rankdet.papers.claims import Claim

HOLDS, FAILS, UNDECIDED, MISSING = "holds", "does not hold", "undecided", "no answer"
DIRECTION = "direction only"  # too few seeds for a verdict
VERDICTS = (HOLDS, FAILS, UNDECIDED, DIRECTION, MISSING)
SIZE_UNDECIDED = "size undecided"

Ends = tuple[float | None, float | None]


def verdict(ends: Ends, claim: Claim, higher: bool) -> str:
    """Returns the verdict on a claim.

    Args:
        ends: of the interval of its difference, ratio or value; None without an interval, and the
            claim is undecided.
        claim: the claim.
        higher: whether a higher value of the metric is better.
    """
    found = _oriented(ends, claim, higher)
    if found is None:
        return UNDECIDED
    low, high = found
    if claim.sided:
        if low > claim.null:
            return HOLDS
        return FAILS if high < claim.null else UNDECIDED
    least, most = claim.target
    if least <= low and high <= most:
        return HOLDS
    return FAILS if high < least or low > most else UNDECIDED


def size_verdict(ends: Ends, published: float | None, claim: Claim, higher: bool) -> str:
    """Returns how the size of a difference compares with the claimed or published one.

    Args:
        ends: as for `verdict`.
        published: the same difference or ratio in the paper; None if it is not printed.
        claim: the claim. If it states a size, this size is compared, else the published one.
        higher: as for `verdict`.

    Returns:
        Such as `smaller than published`; empty if nothing can be said.
    """
    found = _oriented(ends, claim, higher)
    if found is None or not claim.sided:
        return ""
    (low, high), (least, most), what = found, claim.target, "claimed"
    if not claim.sized:
        theirs = _oriented((published, published), claim, higher)
        if theirs is None or theirs[0] <= claim.null:
            return ""
        (least, most), what = theirs, "published"
    if high < least:
        return f"smaller than {what}"
    if low > most:
        return f"larger than {what}"
    if not claim.sized:
        return ""
    return "of the claimed size" if least <= low and high <= most else SIZE_UNDECIDED


def p_value(found: Estimate, claim: Claim, higher: bool) -> float:
    """Returns the two-sided p-value of a claim, in [0, 1].

    It is below α exactly if the interval of level 1 − α decides the claim: `holds` or `does not
    hold`.

    Args:
        found: the estimate of the difference or the value, or of the logarithm of the ratio.
        claim: the claim.
        higher: as for `verdict`.
    """
    if claim.directed and not higher:
        found = Estimate(-found.centre, found.error, found.freedom)
    if claim.sided:
        return found.p_value(0.0)  # for a ratio, the logarithm of 1
    least, most = map(_log, claim.target) if claim.ratio else claim.target
    inside = max(found.p_above(least), found.p_below(most))
    outside = min(found.p_below(least), found.p_above(most))
    return min(1.0, 2 * min(inside, outside))


def _log(end: float) -> float:
    return math.log(end) if end > 0 else -math.inf


def _oriented(ends: Ends, claim: Claim, higher: bool) -> tuple[float, float] | None:
    """Returns the interval with positive values in the better direction."""
    low, high = ends
    if low is None or high is None:
        return None
    return (-high, -low) if claim.directed and not higher else (low, high)
