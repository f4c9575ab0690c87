"""Claims of the papers against a study's numbers: verdicts, intervals, and what has no answer."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from rankdet.evaluation import interval_cache
from rankdet.evaluation.intervals import Difference, paired_bootstrap, welch_interval
from rankdet.evaluation.metrics.matches import read_matches
from rankdet.papers.findings import higher_is_better, verdict, with_findings
from rankdet.papers.load import load_spec
from rankdet.papers.match import find_runs
from rankdet.papers.spec import Claim, Column, RunRequest
from rankdet.papers.table import build_table, make_table
from rankdet.papers.table_model import FAILS, HOLDS, MISSING, UNDECIDED
from rankdet.repository import PAPERS, ROOT
from rankdet.results.records import load_study
from tests.report.fake_study import make_study

TABLE2 = PAPERS / "alrp" / "table2.yaml"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory):
    return load_study(make_study(tmp_path_factory.mktemp("findings")))


def asked(study, *claims, table="alrp/table2"):
    spec = replace(load_spec(ROOT / f"analysis/papers/{table}.yaml"), claims=claims)
    (block,) = with_findings(study, make_table(study, spec)).blocks
    return block.findings


def claim(column="AP", better="AP Loss", worse="AP Loss", **more):
    return Claim("text", "source", column, better, worse, **more)


@pytest.mark.parametrize(
    ("low", "high", "within", "higher", "told"),
    [
        (0.1, 2, None, True, HOLDS),
        (0, 2, None, True, UNDECIDED),
        (-2, -0.1, None, True, FAILS),
        (-2, -0.1, None, False, HOLDS),
        (0.1, 2, None, False, FAILS),
        (-1, 0.5, None, False, UNDECIDED),
        (-0.5, 0.5, 1.0, True, HOLDS),
        (-0.5, 1.5, 1.0, True, UNDECIDED),
        (1.1, 1.5, 1.0, True, FAILS),
        (-3, -1.1, 1.0, False, FAILS),
        (None, None, None, True, UNDECIDED),
    ],
)
def test_verdicts(low, high, within, higher, told) -> None:
    assert verdict(Difference(0.0, low, high, None), within, higher) == told


def test_the_better_direction() -> None:
    assert higher_is_better(Column("AP", "AP"))
    assert not higher_is_better(Column("oLRP_Loc", "Loc"))
    assert not higher_is_better(Column("segm.oLRP", "oLRP"))
    assert not higher_is_better(Column("training.seconds_per_iteration", "s"))
    assert not higher_is_better(Column("AP", "AP", better="lower"))


def test_one_seed_each_is_a_paired_bootstrap_over_images(study) -> None:
    (found,) = asked(study, claim(better="AP Loss", worse="aLRP Loss (w IoU)"))
    runs = [
        find_runs(study, "shapes", RunRequest("retinanet", loss))[0]
        for loss in ("alrp+iou+no-sb", "ap")
    ]
    own = [read_matches(run.main.folder / "matches.parquet") for run in runs]
    oracle = paired_bootstrap(*own, np.random.default_rng(0), interval_cache.REPLICATES, ["ap"])
    assert found.difference == pytest.approx(100 * oracle["AP"].value, abs=1e-5)
    assert (found.low, found.high) == pytest.approx(
        (100 * oracle["AP"].low, 100 * oracle["AP"].high), abs=1e-5
    )
    assert found.low < found.difference < found.high
    assert found.published == pytest.approx(35.5 - 36.9)
    assert "paired bootstrap" in found.how and "says nothing about other seeds" in found.how


def test_lower_is_better_for_olrp(study) -> None:
    one, other = asked(
        study,
        claim("oLRP", "AP Loss", "aLRP Loss (w IoU)"),
        claim("oLRP", "aLRP Loss (w IoU)", "AP Loss"),
    )
    assert one.difference == -other.difference
    words = {one.verdict, other.verdict}
    assert words in ({HOLDS, FAILS}, {UNDECIDED})


def test_several_seeds_are_welchs_interval(study) -> None:
    seeds = find_runs(study, "shapes", RunRequest("retinanet", "alrp"))
    assert len(seeds) == 2
    a, b = np.array([1.0, 2.0, 4.0]), np.array([0.5, 0.7])
    low, high = welch_interval(a, b)
    oracle = stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.95)
    assert (low, high) == pytest.approx((oracle.low, oracle.high))
    assert welch_interval(np.ones(2), np.zeros(3)) == (1, 1)  # no spread, no division by zero


def test_one_side_with_seeds_has_no_interval(study) -> None:
    (found,) = asked(study, claim(better="aLRP Loss (w GIoU) + SB", worse="AP Loss"))
    assert found.verdict == UNDECIDED and found.low is None and found.difference is not None
    assert found.how == "one side has a single seed: no interval"


def test_no_answer_says_why(study) -> None:
    failed, same = asked(
        study,
        claim(better="aLRP Loss (w IoU) + SB", worse="AP Loss"),
        claim(better="AP Loss", worse="AP Loss"),
    )
    assert failed.verdict == MISSING and failed.difference is None
    assert failed.how.startswith("aLRP Loss (w IoU) + SB: seed 1 diverged")
    assert same.verdict == MISSING and same.how == "both sides are the same run"


def test_columns_that_are_settings_are_compared(study) -> None:
    (found,) = asked(study, claim("SB", "w GIoU", "w GIoU", over="w = 10"), table="alrp/table3")
    assert found.verdict == MISSING and found.how == "w = 10: not in this study"


def test_a_change_of_the_matches_is_asked_anew(study, tmp_path: Path) -> None:
    paths = [
        find_runs(study, "shapes", RunRequest("retinanet", loss))[0].main.folder / "matches.parquet"
        for loss in ("ap", "focal")
    ]
    first = interval_cache.difference(*paths, "AP", "ap", tmp_path)
    assert interval_cache.difference(*paths, "AP", "ap", tmp_path) == first
    assert len(list(tmp_path.iterdir())) == 1
    interval_cache.difference(*paths, "oLRP", "olrp", tmp_path)
    interval_cache.difference(*paths[::-1], "AP", "ap", tmp_path)
    assert len(list(tmp_path.iterdir())) == 3
    for kept in tmp_path.iterdir():
        kept.write_text("{")  # a broken answer is asked again
    assert interval_cache.difference(*paths, "AP", "ap", tmp_path) == first


def test_findings_stand_in_the_files_of_a_table(study, tmp_path: Path) -> None:
    build_table(study.folder / "plan.json", TABLE2, tmp_path)
    (block,) = json.loads((tmp_path / "table.json").read_text())["blocks"]
    assert len(block["findings"]) == len(load_spec(TABLE2).claims) == 7
    assert {f["verdict"] for f in block["findings"]} <= {HOLDS, FAILS, UNDECIDED, MISSING}
    text = (tmp_path / "table.md").read_text()
    assert "a ranking-based localisation loss improves AP" in text
