"""Rows of the leaderboard over all seeds."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest
from scipy import stats

from rankdet.evaluation.intervals import mean_over_seeds
from rankdet.evaluation.metric import LEADERBOARD
from rankdet.evaluation.registry import by_key
from rankdet.results.leaderboard import Entry, leaderboard
from rankdet.results.records import read_study
from rankdet.results.seed_groups import seed_groups, write_seed_groups
from tests.report.fake_study import SEVERAL_SEEDS, make_study

AP = by_key()["AP"]


@pytest.fixture(scope="module")
def entries(tmp_path_factory: pytest.TempPathFactory) -> list[Entry]:
    return leaderboard(read_study(make_study(tmp_path_factory.mktemp("g"), runs=SEVERAL_SEEDS)))


def by_loss(entries: list[Entry]) -> dict:
    return {group.key.rpartition("/")[2]: group for group in seed_groups(entries)}


def of(entries: list[Entry], loss: str) -> list[float]:
    return [e.values["AP"] for e in entries if e.key.split("/")[2] == loss]


def test_means_are_over_the_seeds_that_have_learned(entries: list[Entry]) -> None:
    groups = by_loss(entries)
    for loss in ("ap", "alrp"):
        mean, half = mean_over_seeds(of(entries, loss))
        assert groups[loss].means["AP"] == pytest.approx((mean, half), abs=1e-5)
    focal = groups["focal"]
    assert focal.statuses == [("trained", 3), ("barely learned", 1)]
    learned = mean_over_seeds(of(entries, "focal")[:3])
    assert focal.means["AP"] == pytest.approx(learned, abs=1e-5)
    assert [entry.seed for entry, _ in focal.reasons] == [4]
    barely = groups["rs"]  # without a seed that has learned, the mean of all
    assert barely.means["AP"] == pytest.approx(mean_over_seeds(of(entries, "rs")), abs=1e-5)
    single = groups["alrp+iou"]
    assert single.means["AP"] == (of(entries, "alrp+iou")[0], None)


def test_bold_is_every_row_like_the_best_and_no_single_seed(entries: list[Entry]) -> None:
    groups = by_loss(entries)
    bold = {loss for loss, group in groups.items() if "AP" in group.best}
    p = stats.ttest_ind(of(entries, "alrp"), of(entries, "ap"), equal_var=False).pvalue
    assert p < 0.01 and bold == {"alrp"}  # the single seed of alrp+iou is not compared
    close = [
        replace(e, values={**e.values, "AP": e.values["AP"] + 19.5}) if e.loss == "ap" else e
        for e in entries
    ]
    assert {loss for loss, group in by_loss(close).items() if "AP" in group.best} == {"ap", "alrp"}
    assert not groups["rs"].best and not groups["untrained"].best
    weak = [
        replace(e, values={**e.values, "AP": 99.0}) if e.status == "barely learned" else e
        for e in entries
    ]
    assert not by_loss(weak)["rs"].best and "AP" in by_loss(weak)["alrp"].best


LOWER = [m.key for m in by_key().values() if m.better == "lower" and LEADERBOARD in m.shown]


@pytest.mark.parametrize("key", LOWER)
def test_a_dead_model_wins_nothing_where_lower_is_better(entries: list[Entry], key: str) -> None:
    dead = [
        replace(e, values={**e.values, key: 0.001 * e.seed}) if e.loss == "rs" else e
        for e in entries
    ]
    groups = by_loss(dead)
    assert groups["rs"].means[key][0] < min(groups[one].means[key][0] for one in ("ap", "alrp"))
    assert not groups["rs"].best
    ranked = any(key in group.best for group in groups.values())
    assert ranked != (key.startswith("training.") or key in ("D_ECE", "LaECE"))


def test_a_fast_inference_wins_nothing(entries: list[Entry]) -> None:
    key = "speed.images_per_second"
    fast = [
        replace(e, values={**e.values, key: (90.0 if e.loss == "ap" else 9.0) + 0.1 * e.seed})
        for e in entries
    ]
    groups = by_loss(fast)
    assert groups["ap"].means[key][0] > 80 and groups["alrp"].means[key][0] < 10
    assert not any(key in group.best for group in groups.values())


def test_a_loss_is_compared_with_those_of_its_detector(entries: list[Entry]) -> None:
    """A stronger detector does not take the bold of all losses of the weaker one."""
    strong = [
        replace(
            e,
            key=e.key.replace("/retinanet/", "/atss/"),
            detector="atss",
            values={**e.values, "AP": e.values["AP"] + 40},
        )
        for e in entries
    ]
    groups = seed_groups([*entries, *strong])
    bold = {group.key for group in groups if "AP" in group.best}
    assert bold == {"shapes/retinanet/alrp", "shapes/atss/alrp"}


def test_low_scores_are_not_the_best_calibration(entries: list[Entry]) -> None:
    """A loss that has learned, but scores nothing above .2, has a tiny error."""
    low = [
        replace(e, values={**e.values, "D_ECE": 1.0 + 0.01 * e.seed}) if e.loss == "ap" else e
        for e in entries
    ]
    groups = by_loss(low)
    assert groups["ap"].means["D_ECE"][0] < groups["alrp"].means["D_ECE"][0]
    assert not any("D_ECE" in group.best for group in groups.values())
    assert any("oLRP" in group.best for group in groups.values())


def test_a_mean_over_a_failed_seed_is_missing(entries: list[Entry]) -> None:
    failed = [
        replace(e, status="failed", reason="no memory", values={}) if e.seed == 5 else e
        for e in entries
    ]
    group = by_loss(failed)["ap"]
    assert group.means["AP"] == (None, None) and not group.best
    assert [reason for _, reason in group.reasons] == ["no memory"]


def test_splits_are_apart(entries: list[Entry]) -> None:
    other = [replace(e, split="train") for e in entries if e.loss != "alrp"]
    groups = seed_groups([*entries, *other])
    assert len(groups) == 6 + 4
    on_train = {g.key.rpartition("/")[2]: g for g in groups if g.first.split == "train"}
    assert "AP" in on_train["ap"].best  # aLRP Loss, which is better, is not on this split


def test_the_csv_has_the_means(entries: list[Entry], tmp_path: Path) -> None:
    groups = seed_groups(entries)
    write_seed_groups(groups, tmp_path / "seeds.csv")
    with (tmp_path / "seeds.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    for row, group in zip(rows, groups, strict=True):
        mean, half = group.means[AP.key]
        assert (row["AP"], row["AP interval"]) == (str(mean), "" if half is None else str(half))
        assert row["seeds"] == str(len(group.entries))
    focal = next(row for row in rows if row["loss"] == "focal")
    assert focal["seeds in the mean"] == "3" and focal["status"] == "3 trained; 1 barely learned"
