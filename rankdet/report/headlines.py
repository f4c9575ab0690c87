"""What was found, in one sentence for each detector and dataset.

The words "highest" and "cannot be told" are used only for tested losses: three seeds or more on
both sides (docs/decisions/026-verdicts-need-seeds.md). Runs that have barely learned take no part.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from rankdet.evaluation.registry import by_key
from rankdet.evaluation.seeds import SEEDS, differences
from rankdet.report.contests import Contest
from rankdet.report.formatting import number, p_value
from rankdet.results.seed_groups import SeedGroup

AP = by_key()["AP"]
NO_BREAK = "\u00a0"  # a line does not end inside "p = .45"
NAMED = 4  # losses that a sentence names; more are counted


@dataclass(frozen=True)
class Headline:
    """A sentence about the losses of one detector on one dataset.

    Attributes:
        about: detector and dataset.
        text: the sentence.
        remarks: what was left out and why, in a sentence; empty if nothing was.
        page: the page that compares the losses; it may not exist.
        verdict: whether the sentence is a verdict.
    """

    about: str
    text: str
    remarks: str
    page: str
    verdict: bool


def headlines(contests: Sequence[Contest]) -> list[Headline]:
    """Returns a headline for each detector and dataset with a loss that has learned."""
    return [_headline(one) for one in contests if one.learned]


def _headline(contest: Contest) -> Headline:
    best = contest.best(AP)
    text = _verdict(contest, best) if best else _range(contest)
    about = f"{contest.detector} on {contest.dataset_title}"
    return Headline(about, text, _remarks(contest, bool(best)), contest.page, bool(best))


def _verdict(contest: Contest, best: set[str]) -> str:
    tested = sorted(contest.tested(AP), key=_mean, reverse=True)
    top, *others = tested
    like = [group.title for group in others if group.key in best]
    lower = [group.title for group in others if group.key not in best]
    few = len(contest.learned) > len(tested)  # a loss with too few seeds may have a higher value
    among = f" of the {len(tested)} losses with {SEEDS} seeds or more" if few else ""
    start = (
        f"On {contest.dataset_title}, {top.title} has the highest AP{among} with "
        f"{contest.detector} ({_value(top)})"
    )
    if len(others) == 1:
        return f"{start}; {_told(like, lower)}: {_behind(tested)}."
    return f"{start}; {_told(like, lower)}. The next, {others[0].title}, is {_behind(tested)}."


def _told(like: Sequence[str], lower: Sequence[str]) -> str:
    """Which losses cannot be distinguished from the best, and which are lower."""
    if not like:
        return f"{_others(lower)} lower"
    if not lower:
        if len(like) == 1:
            return f"{like[0]} cannot be distinguished from it"
        return f"none of the other {len(like)} losses can be distinguished from it"
    return f"{_list(like)} cannot be distinguished from it, and {_others(lower)} lower"


def _behind(tested: Sequence[SeedGroup]) -> str:
    """How far the second loss is behind the first, with p as in the test of the sentence."""
    top, second, *_ = tested
    samples = {group.key: group.values(AP) for group in tested}
    every = differences(samples, [(top.key, key) for key in samples if key != top.key])
    found = every[top.key, second.key]
    assert found.p is not None  # of `Contest.tested`
    gap = number(abs(found.value), AP.decimals)
    p = f"p {p_value(found.p)}".replace(" ", NO_BREAK)
    return f"{gap} behind ({p})"


def _others(names: Sequence[str]) -> str:
    if len(names) > NAMED:
        return f"the other {len(names)} tested losses are"
    return f"{_list(names)} {'is' if len(names) == 1 else 'are'}"


def _range(contest: Contest) -> str:
    """The values without a verdict."""
    where = f"On {contest.dataset_title} with {contest.detector}"
    low, *_ = ordered = sorted(contest.learned, key=_mean)
    high = ordered[-1]
    if low is high:
        return f"{where}, only {high.title} has a result: AP {_value(high)}."
    ends = f"{number(_mean(low))} ({low.title}) and {number(_mean(high))} ({high.title})"
    most = max(len(group.counted) for group in ordered)
    seeds = "one seed each" if most == 1 else f"at most {most} seeds each"
    if most >= SEEDS:
        seeds = f"one loss with {most} seeds"
    return (
        f"{where}, AP is between {ends}, {seeds}. There is no verdict: it needs {SEEDS} seeds or "
        "more of at least two losses."
    )


def _remarks(contest: Contest, tested: bool) -> str:
    known = {group.key for group in contest.learned}
    few = known - {group.key for group in contest.tested(AP)} if tested else set()
    weak = {group.key for group in contest.barely_learned}
    without = {group.key for group in contest.groups} - known - weak
    parts = []
    for keys, why in (
        (few, f"fewer than {SEEDS} seeds"),
        (weak, "barely learned"),
        (without, "no result"),
    ):
        if keys:
            parts.append(f"{_list([g.title for g in contest.groups if g.key in keys])} ({why})")
    return f"Left out: {'; '.join(parts)}." if parts else ""


def _mean(group: SeedGroup) -> float:
    value = group.means["AP"][0]
    assert value is not None  # of `Contest.learned`
    return value


def _value(group: SeedGroup) -> str:
    mean, half = group.means["AP"]
    ends = f" ± {number(half, AP.decimals)}" if half is not None else ""
    return f"{number(mean, AP.decimals)}{ends}, {_seeds(group)}"


def _seeds(group: SeedGroup) -> str:
    count = len(group.counted)
    return "one seed" if count == 1 else f"{count} seeds"


def _list(names: Sequence[str]) -> str:
    if len(names) > NAMED:
        return f"{len(names)} losses"
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
