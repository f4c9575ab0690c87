"""AP against cost: which losses no other beats, and where the dots are."""

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from rankdet.charts.pareto import Point, front, pareto_svg
from rankdet.report.contests import Contest
from rankdet.report.pareto_plots import pareto_plots
from rankdet.report.time_doubts import doubts
from rankdet.results.leaderboard import Entry
from rankdet.results.records import read_study
from rankdet.results.seed_groups import seed_groups
from tests.report.pages import Page, read_csv

LABELS = ("seconds", "AP")


def points(*places: tuple[float, float]) -> list[Point]:
    return [Point(f"p{at}", "D", cost, gain) for at, (cost, gain) in enumerate(places)]


def test_the_front_is_that_of_the_definition() -> None:
    rng = np.random.default_rng(3)
    for _ in range(200):
        every = points(*rng.integers(0, 6, (rng.integers(1, 9), 2)).astype(float))
        kept = front(every)
        for one in every:
            dominated = any(
                o.cost <= one.cost
                and o.gain >= one.gain
                and (o.cost, o.gain) != (one.cost, one.gain)
                for o in every
            )
            assert (one in kept) != dominated
        assert [p.cost for p in kept] == sorted(p.cost for p in kept)


def test_the_line_joins_exactly_the_front() -> None:
    every = points((1.0, 10.0), (2.0, 30.0), (3.0, 20.0), (4.0, 40.0))
    svg = pareto_svg(every, LABELS, "Title", "p")
    line = re.search(r'<path d="M([^"]*)" fill="none"[^>]*dasharray', svg)
    assert line
    joined = [tuple(map(float, part.split())) for part in line.group(1).split("L")]
    dots = [tuple(map(float, p)) for p in re.findall(r'<circle cx="(.*?)" cy="(.*?)"', svg)]
    assert joined == [dots[0], dots[1], dots[3]]
    across = np.diff([x for x, _ in dots])
    assert across == pytest.approx(across[0], abs=0.2) and across[0] > 0
    up = np.diff([y for _, y in dots])
    assert up[0] == pytest.approx(-2 * up[1], abs=0.3) and up[0] < 0


def test_names_cover_no_dot_and_no_other_name() -> None:
    rng = np.random.default_rng(1)
    every = [
        Point(f"a loss <{at}>", f"D{at % 3}", *place)
        for at, place in enumerate(rng.random((40, 2)))
    ]
    svg = pareto_svg(every, LABELS, "Title", "p")
    names = re.findall(r'<text x="([\d.]+)" y="([\d.]+)" font-size="12"[^>]*>([^<]*)<', svg)
    boxes = [
        (float(x), float(y) - 9, float(x) + 6.0 * len(n.replace("&lt;", "<").replace("&gt;", ">")))
        for x, y, n in names
    ]
    assert 5 < len(names) <= 40 and "&lt;" in names[0][2]
    for at, (left, top, right) in enumerate(boxes):
        for other_left, other_top, other_right in boxes[:at]:
            beside = right <= other_left or other_right <= left
            assert beside or abs(top - other_top) >= 12
    assert all(f"a loss &lt;{at}&gt;" in svg for at in range(40))  # at least in the description


def test_equal_values_and_a_single_place_are_drawn() -> None:
    svg = pareto_svg(points((0.1, 20.0), (0.1, 20.0)), LABELS, "Title", "p")
    assert "nan" not in svg and svg.count("<circle") == 2


def test_the_page_shows_the_seconds_of_the_records(seeds: Path) -> None:
    rows = read_csv(seeds / "leaderboard-seeds.csv")
    known = [r for r in rows if r["loss"] not in ("rs", "untrained")]  # rs has barely learned
    fast = min(known, key=lambda r: float(r["s/iteration"]))
    best = max(known, key=lambda r: float(r["AP"]))
    assert (fast["loss"], best["loss"]) == ("focal", "alrp")
    text = Page(seeds / "index.html").text
    said = "in both AP and time (dashed line): Focal Loss, aLRP Loss. Times of made-up"
    assert f"If these times are right, no other loss beats these {said}" in text
    assert f"aLRP Loss, RetinaNet: seconds per iteration {float(best['s/iteration']):.3g}" in text
    svg = (
        (seeds / "index.html").read_text().split('aria-labelledby="pareto-0"')[1].split("</svg>")[0]
    )
    assert svg.count("<circle") == len(known) and "rs, RetinaNet" not in svg


def test_a_line_needs_two_dots_and_an_unsure_time_is_hollow() -> None:
    one = Point("slow <1>", "D", 3.0, 10.0, unsure=True)
    svg = pareto_svg([Point("best", "D", 1.0, 40.0), one], LABELS, "Title", "p")
    assert "dasharray" not in svg  # the best dot beats the other in both
    assert svg.count('fill="var(--paper, #fff)" stroke=') == 1
    assert "slow &lt;1&gt;, D: seconds 3 (unsure)" in svg and "best, D: seconds 1," in svg


@pytest.mark.parametrize(("slowest", "unsure"), [(0.5, False), (0.51, True)])
def test_seconds_that_differ_by_more_than_two_are_told(seeds_plan, slowest, unsure) -> None:
    entries = [
        Entry(
            f"shapes/retinanet/{loss}/seed{seed}",
            *("shapes", "val", "retinanet", loss, "", seed, "trained", ""),
            *("Shapes", "RetinaNet", loss, ""),
            {"AP": ap, "training.seconds_per_iteration": seconds},
        )
        for loss, ap, times in (("ap", 30.0, (0.25, 0.4, slowest)), ("rs", 20.0, (0.1, 0.1, 0.11)))
        for seed, seconds in enumerate(times, 1)
    ]
    groups = tuple(seed_groups(entries))
    shown = [Contest("shapes", "Shapes", "RetinaNet", "", groups)]
    (plot,) = pareto_plots(read_study(seeds_plan), shown)
    assert plot.best == ("rs", "ap")
    assert plot.unsure == ((f"ap (0.25 to {slowest:.2g} s)",) if unsure else ())
    assert ("(unsure)" in plot.svg) == unsure


def run(started: str, finished: str, device: str = "cpu", cpu: str = "A") -> SimpleNamespace:
    facts = SimpleNamespace(started=started, finished=finished, hardware={"cpu": cpu})
    return SimpleNamespace(training=SimpleNamespace(device=device), provenance=facts)


@pytest.mark.parametrize(
    ("second", "at_once"),
    [
        (run("10:30", "11:30"), True),
        (run("10:10", "10:20"), True),
        (run("11:00", "12:00"), False),
        (run("09:00", "10:00"), False),
        (run("10:30", "11:30", cpu="B"), False),
        (run("10:30", "11:30", "cuda:0"), False),
    ],
    ids=["overlap", "inside", "after", "before", "another processor", "a GPU"],
)
def test_trainings_at_the_same_time_make_the_times_doubtful(second, at_once) -> None:
    found = doubts([run("10:00", "11:00"), second], points((1.0, 10.0), (1.5, 20.0)))
    assert found == (("trainings ran at the same time",) if at_once else ())


@pytest.mark.parametrize(("device", "doubtful"), [("cpu", True), ("cuda:0", False)])
def test_losses_of_one_detector_that_differ_by_more_than_two_are_doubtful(device, doubtful) -> None:
    """As seen: one loss took .12 s on a CPU, another .386 s beside other jobs."""
    runs = [run("10:00", "11:00", device), run("11:00", "12:00", device)]
    said = "with D, p1 took 0.39 s and p0 0.12 s"
    assert doubts(runs, points((0.12, 1.0), (0.386, 2.0))) == ((said,) if doubtful else ())
    assert doubts(runs, points((0.12, 1.0), (0.24, 2.0))) == ()
    apart = [Point("p0", "D", 0.12, 1.0), Point("p1", "another detector", 0.386, 2.0)]
    assert doubts(runs, apart) == ()
