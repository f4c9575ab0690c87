"""Forest plots of the losses on the first page: positions are those of the values."""

import re
from pathlib import Path

import pytest

from rankdet.charts.intervals import IntervalGroup, IntervalRow, intervals_svg
from rankdet.evaluation.intervals import mean_over_seeds
from rankdet.results.records import read_study
from tests.report.pages import printed, read_csv

DOT = r'<circle cx="([\d.]+)" cy="([\d.]+)"[^>]*fill="([^"]+)"'
LINE = r'<path d="M([\d.]+) [\d.]+H([\d.]+)" stroke="#\w{6}" stroke-width="2"(| stroke-dash[^/]*)/>'


def plot(report: Path, metric: str) -> str:
    text = (report / "index.html").read_text()
    start = text.index(f'aria-labelledby="losses-0-{metric}"')
    return text[start : text.index("</svg>", start)]


def labels(svg: str) -> list[str]:
    return re.findall(r'<text x="14"[^>]*>([^<]*)<', svg)


def test_ends_and_dots_are_where_the_numbers_are() -> None:
    rows = (
        IntervalRow("a", 10.0, 0.0, 20.0, "seeds", "10"),
        IntervalRow("b", 20.0, 15.0, 40.0, "images", "20"),
        IntervalRow("<c>", None, None, None, "images", "no result"),
    )
    svg = intervals_svg([IntervalGroup("D & E", rows)], "AP", "Losses", "p")
    (low, high, solid), (other_low, other_high, dashed) = re.findall(LINE, svg)
    scale = (float(high) - float(low)) / 20
    assert scale > 0 and not solid and "dasharray" in dashed
    assert float(other_low) - float(low) == pytest.approx(15 * scale, abs=0.2)
    assert float(other_high) - float(low) == pytest.approx(40 * scale, abs=0.2)
    (first, y, filled), (second, below, ring) = re.findall(DOT, svg)
    assert float(first) - float(low) == pytest.approx(10 * scale, abs=0.2)
    assert float(second) - float(low) == pytest.approx(20 * scale, abs=0.2)
    assert float(below) > float(y) and filled != ring
    assert "&lt;c&gt;" in svg and "D &amp; E" in svg and "<c>" not in svg


def test_means_over_seeds_best_first(seeds: Path) -> None:
    svg = plot(seeds, "AP")
    rows = read_csv(seeds / "leaderboard.csv")
    known = [r for r in read_csv(seeds / "leaderboard-seeds.csv") if "untrained" not in r["status"]]
    assert labels(svg)[-1] == "rs" and len(labels(svg)) == 5
    best = max((r for r in known if r["loss"] != "rs"), key=lambda r: float(r["AP"]))
    assert (best["loss"], best["variant"]) == ("alrp", "") and labels(svg)[0] == "aLRP Loss"
    assert labels(svg).index("AP Loss") < labels(svg).index("Focal Loss")
    for loss in ("alrp", "ap"):
        mean, half = mean_over_seeds(
            [float(r["AP"]) for r in rows if r["key"].split("/")[2] == loss]
        )
        assert f"{printed(str(mean), 1)} ± {printed(str(half), 1)}</text>" in svg
    assert ">barely learned</text>" in svg
    assert len(re.findall(DOT, svg)) == 4  # none of the loss that has barely learned
    assert labels(plot(seeds, "oLRP")) == labels(svg)
    text = (seeds / "index.html").read_text()
    assert "A dot is a mean over seeds" in text and "A ring is a single seed" in text


def test_one_seed_has_the_interval_over_images(seeds: Path, seeds_plan: Path) -> None:
    svg = plot(seeds, "AP")
    dashed = [ends for *ends, dash in re.findall(LINE, svg) if dash]
    (run,) = [r for r in read_study(seeds_plan).runs if r.variant == "iou"]
    low, high = run.main.content["intervals"]["metrics"]["AP"]
    ticks = re.findall(r'<text x="([\d.]+)" y="[\d.]+" text-anchor="middle">(\d+)<', svg)
    (x, value), (last, most) = ((float(a), float(b)) for a, b in (ticks[0], ticks[-1]))
    scale = (last - x) / (most - value)
    (ends,) = dashed
    found = [value + (float(end) - x) / scale for end in ends]
    assert found == pytest.approx([100 * low, 100 * high], abs=0.2)


def test_a_study_of_single_seeds_has_the_plot_too(report: Path) -> None:
    assert "RetinaNet" in plot(report, "AP") and "ATSS" in plot(report, "AP")
    assert ">no result</text>" in plot(report, "AP")
