"""The first sentences of a report: verdict words only where seeds allow them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from rankdet.evaluation.intervals import mean_over_seeds
from rankdet.report.contests import Contest, contests
from rankdet.report.headlines import Headline, headlines
from rankdet.results.leaderboard import Entry
from rankdet.results.records import read_study
from rankdet.results.seed_groups import seed_groups
from tests.report.fake_study import as_planned
from tests.report.pages import Page, printed, read_csv

VERDICT_WORDS = ("highest", "lower", "cannot be told", "can be told", "better", "best")


def entry(loss: str, seed: int, ap: float | None, status: str = "trained") -> Entry:
    key = f"shapes/retinanet/{loss}/seed{seed}"
    names = ("shapes", "val", "retinanet", loss, "", seed, status, "", "Shapes", "RetinaNet", loss)
    return Entry(key, *names, "", {"AP": ap})


def headline(values: Mapping[str, Sequence[float | None]], weak: Sequence[str] = ()) -> Headline:
    entries = [
        entry(loss, seed, ap, "barely learned" if loss in weak else "trained")
        for loss, seeds in values.items()
        for seed, ap in enumerate(seeds, 1)
    ]
    groups = tuple(seed_groups(entries))
    (found,) = headlines([Contest("shapes", "Shapes", "RetinaNet", "compare.html", groups)])
    return found


def test_the_best_loss_and_those_that_cannot_be_told_from_it() -> None:
    found = headline({"rs": [37, 38.5, 37.5], "ap": [38, 38.2, 38.1], "focal": [20, 21, 20.5]})
    _, half = mean_over_seeds([38, 38.2, 38.1])
    # It is the largest p-value, which Holm's correction leaves as it is.
    p = stats.ttest_ind([38, 38.2, 38.1], [37, 38.5, 37.5], equal_var=False).pvalue
    p_words = f"=\u00a0{p:.3f}".replace("0.", ".")
    assert found.text == (
        f"On Shapes, ap has the highest AP with RetinaNet (38.1 ± {half:.1f}, 3 seeds); rs cannot "
        "be distinguished from it, and focal is lower. The next, rs, is 0.4 behind "
        f"(p\u00a0{p_words})."
    )
    assert found.verdict and found.remarks == ""


def test_a_clear_winner_and_a_draw() -> None:
    clear = headline({"ap": [40, 40.1, 40.2], "focal": [20, 20.1, 20.2], "rs": [30, 30.1, 30.2]})
    words = "rs and focal are lower. The next, rs, is 10.0 behind (p\u00a0<\u00a0.001)."
    assert clear.text.endswith(words)
    many = {f"loss {k}": [k, k + 0.1, k + 0.2] for k in range(5)}
    counted = headline({"ap": [40, 40.1, 40.2], **many})
    assert "3 seeds); the other 5 tested losses are lower. The next, loss 4, is" in counted.text
    draw = headline({"ap": [30, 40, 50], "focal": [31, 40, 48], "rs": [32, 38, 47]})
    words = "; none of the other 2 losses can be distinguished from it. The next, focal, is 0.3"
    assert words in draw.text
    pair = headline({"ap": [30, 40, 50], "focal": [31, 40, 48]})
    assert "; focal cannot be distinguished from it: 0.3 behind (p\u00a0=\u00a0.9" in pair.text


@pytest.mark.parametrize("seeds", [1, 2])
def test_no_word_of_a_verdict_with_few_seeds(seeds: int) -> None:
    found = headline({"ap": [40.0] * seeds, "focal": [10.0] * seeds})
    assert not any(word in found.text for word in VERDICT_WORDS) and not found.verdict
    assert "between 10.0 (focal) and 40.0 (ap)" in found.text
    # Three seeds of one loss alone decide nothing either.
    alone = headline({"ap": [40, 41, 42], "focal": [10.0] * seeds})
    assert not any(word in alone.text for word in VERDICT_WORDS) and not alone.verdict


def test_runs_that_have_barely_learned_and_missing_ones_are_out_and_named() -> None:
    losses = {"ap": [20, 21, 22], "rs": [90, 91, 92], "ce": [30, None, 31], "alrp": [95]}
    found = headline({**losses, "focal": [10, 11, 12]}, weak=["rs"])
    assert found.text.startswith(
        "On Shapes, ap has the highest AP of the 2 losses with 3 seeds or more with RetinaNet"
    )
    assert found.remarks == (
        "Left out: alrp (fewer than 3 seeds); rs (barely learned); ce (no result)."
    )
    only = headline({"ap": [20], "rs": [1]}, weak=["rs"])
    assert only.text == "On Shapes with RetinaNet, only ap has a result: AP 20.0, one seed."
    groups = tuple(seed_groups([entry("rs", 1, 1.0, "barely learned")]))
    assert headlines([Contest("shapes", "Shapes", "RetinaNet", "", groups)]) == []


def test_one_contest_for_each_detector_without_searches(seeds_plan: Path) -> None:
    study = read_study(seeds_plan)
    keys = [run.key for run in study.runs if not run.untrained]
    every = [entry(key.split("/")[2], int(key[-1]), 20.0) for key in keys]
    (found,) = contests(study, seed_groups(every))
    assert [g.key.rpartition("/")[2] for g in found.groups] == [
        "ap",
        "alrp",
        "focal",
        "alrp+iou",
        "rs",
    ]
    search = {key for key in keys if "/ap/" in key}
    runs = tuple(
        as_planned(run, schedule="rate-x2") if run.key in search else run for run in study.runs
    )
    (found,) = contests(replace(study, runs=runs), seed_groups(every))
    assert "shapes/retinanet/ap" not in [group.key for group in found.groups]


def test_the_page_begins_with_it(seeds: Path) -> None:
    page = Page(seeds / "index.html")
    ids = page.ids()
    assert ids.index("found") < ids.index("losses") < ids.index("answers") < ids.index("runs")
    rows = read_csv(seeds / "leaderboard.csv")
    alrp = [float(r["AP"]) for r in rows if r["key"].startswith("shapes/retinanet/alrp/")]
    mean, half = mean_over_seeds(alrp)
    assert mean == pytest.approx(np.mean(alrp), abs=1e-6)
    value = f"{printed(str(mean), 1)} ± {printed(str(half), 1)}, 5 seeds"
    few = "of the 3 losses with 3 seeds or more"  # aLRP Loss (iou) has one
    start = f"aLRP Loss has the highest AP {few} with RetinaNet ({value}); "
    assert f"{start}AP Loss and Focal Loss are lower" in page.text
    assert "compare/shapes/retinanet.html" in page.links()
