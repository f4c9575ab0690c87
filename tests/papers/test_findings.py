"""Claims of the papers tested with a study's numbers: verdicts, intervals, missing answers."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from rankdet.evaluation import interval_cache
from rankdet.evaluation.intervals import mean_over_seeds, paired_bootstrap
from rankdet.evaluation.metrics.matches import read_matches
from rankdet.papers.claims import Claim
from rankdet.papers.export import to_markdown
from rankdet.papers.figures import make_figure
from rankdet.papers.findings import higher_is_better, with_findings
from rankdet.papers.load import load_spec
from rankdet.papers.match import find_runs
from rankdet.papers.run_values import RunValues
from rankdet.papers.spec import Column, RunRequest
from rankdet.papers.table import build_table, make_table
from rankdet.papers.verdicts import DIRECTION, FAILS, HOLDS, MISSING, UNDECIDED
from rankdet.repository import PAPERS, ROOT
from rankdet.results.records import read_study
from tests.report.fake_study import RUNS, make_study

TABLE2 = PAPERS / "alrp" / "table2.yaml"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory):
    learned = [(*run[:4], "trained") if run[4] == "collapsed" else run for run in RUNS]
    return read_study(make_study(tmp_path_factory.mktemp("findings"), runs=learned))


def asked(study, *claims, table="alrp/table2", values=None):
    spec = replace(load_spec(ROOT / f"analysis/papers/{table}.yaml"), claims=claims)
    (block,) = with_findings(study, make_table(study, spec, values), values).blocks
    return block.findings


def claim(column="AP", better="AP Loss", worse="AP Loss", **more):
    return Claim("text", "source", column, better, worse, **more)


def repeated(study, seeds):
    """The runs of a study, with copies of the named losses under so many seeds."""

    def copies(run):
        for seed in range(1, seeds.get(run.full_loss, 1) + 1):
            key = f"{run.key.rpartition('/')[0]}/seed{seed}"
            yield replace(run, planned=run.planned.model_copy(update={"seed": seed, "key": key}))

    first = [run for run in study.runs if run.seed == 1 and run.detector == "retinanet"]
    return tuple(copy for run in first for copy in copies(run))


def fixed(cells, exact=()):
    """Reads every cell from a mapping of (loss, metric, view) to the values by seed."""

    class Fixed(RunValues):
        def unviewable(self, runs, view):
            return None

        def value(self, runs, column, view):
            known = [cells.get((run.full_loss, column.metric, view), ()) for run in runs]
            found = [v[run.seed - 1] for v, run in zip(known, runs, strict=True) if v]
            return (sum(found) / len(found) if found else None), None

        def exact(self, metric):
            return metric in exact

    return Fixed()


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
    assert "paired bootstrap" in found.how and "does not cover seed variance" in found.how


def test_lower_is_better_for_olrp(study) -> None:
    one, other = asked(
        study,
        claim("oLRP", "AP Loss", "aLRP Loss (w IoU)"),
        claim("oLRP", "aLRP Loss (w IoU)", "AP Loss"),
    )
    assert one.difference == -other.difference
    assert one.difference and {one.words, other.words} == {
        "direction: as claimed",
        "direction: opposite",
    }
    assert (one.words == "direction: as claimed") == (one.difference < 0)  # oLRP is lower
    few = replace(study, runs=repeated(study, {"ap": 3, "alrp": 3}))
    made = everywhere({"ap": (50.0, 51.0, 52.0), "alrp": (70.0, 71.0, 72.0)})
    better, worse = asked(
        few, claim("oLRP", "AP Loss", SEEDS), claim("oLRP", SEEDS, "AP Loss"), values=fixed(made)
    )
    assert (better.difference, better.verdict) == (-20, HOLDS)
    assert (worse.difference, worse.verdict) == (20, FAILS)


def test_fewer_than_three_seeds_give_only_the_direction(study) -> None:
    made = everywhere({"alrp": (40.0, 40.1, 40.2), "ap": (30.0, 30.1, 30.2)})
    pair = claim(better=SEEDS, worse="AP Loss")
    for seeds, words in ((2, "direction: as claimed"), (3, "holds, and larger than published")):
        some = replace(study, runs=repeated(study, {"alrp": 3, "ap": seeds}))
        (found,) = asked(some, pair, values=fixed(made))
        assert found.words == words
        assert found.low > 0  # the interval of two seeds is printed, and is no verdict
    some = replace(study, runs=repeated(study, {"alrp": 2, "ap": 2}))
    (found,) = asked(some, pair, values=fixed(made))
    assert (found.verdict, found.seeds, found.p) == (DIRECTION, "2 seeds", None)
    (same,) = asked(some, replace(pair, within=20.0), values=fixed(made))
    assert (same.verdict, same.words) == (DIRECTION, "difference")


def test_direction_and_size_are_two_statements(study) -> None:
    some = replace(study, runs=repeated(study, {"alrp": 4, "ap": 4}))
    made = everywhere({"alrp": (40.5, 40.2, 40.6, 40.3), "ap": (40.0, 39.9, 40.1, 40.0)})
    plain = claim(better=SEEDS, worse="AP Loss")
    (found,) = asked(some, plain, values=fixed(made))
    assert found.published == pytest.approx(3.4)
    assert found.words == "holds, but smaller than published"
    oracle = stats.ttest_ind(made["alrp", "AP", ""], made["ap", "AP", ""], equal_var=False)
    ends = oracle.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((ends.low, ends.high), abs=1e-5)
    assert found.p == pytest.approx(oracle.pvalue, abs=1e-5)
    (sized,) = asked(some, replace(plain, about=0.4, tolerance=0.4), values=fixed(made))
    assert sized.words == "holds, of the claimed size"
    (unsure,) = asked(some, replace(plain, about=0.4, tolerance=0.1), values=fixed(made))
    assert unsure.words == "holds, size undecided"
    (same,) = asked(some, replace(plain, within=1.0), values=fixed(made))
    assert same.words == "holds"
    (other,) = asked(some, replace(plain, within=0.4), values=fixed(made))
    assert other.verdict == UNDECIDED


def test_claims_of_a_table_are_corrected_together(study) -> None:
    some = replace(study, runs=repeated(study, {"alrp": 3, "ap": 3}))
    made = everywhere({"alrp": (40.0, 41.0, 42.0), "ap": (38.0, 37.5, 38.5)})
    alone, *_ = asked(some, claim(better=SEEDS, worse="AP Loss"), values=fixed(made))
    assert alone.verdict == HOLDS and alone.level == 0.95
    assert alone.how == "Welch's t-interval, 3 seeds on each side, 95%"
    many = [claim(c, SEEDS, "AP Loss") for c in ("AP", "AP50", "AP75", "AP90")]
    found = asked(some, *many, values=fixed(made))
    assert {f.verdict for f in found} == {UNDECIDED}
    for one in found:
        assert one.low < 0 < one.high and one.p == pytest.approx(4 * alone.p, abs=1e-5)
        assert one.level == 1 - 0.05 / 4 and one.how.endswith(
            "wider because 4 claims are tested together (Holm)"
        )
    untested = claim(better="aLRP Loss (w IoU) + SB", worse="AP Loss")  # a run that failed
    again, missing = asked(some, many[0], untested, values=fixed(made))
    assert again == alone and missing.verdict == MISSING


def test_findings_in_markdown(study) -> None:
    some = replace(study, runs=repeated(study, {"alrp": 1, "ap": 1}))
    made = everywhere({"alrp": (40.0,), "ap": (38.8,), "alrp+iou+no-sb": (1.0,)})
    spec = replace(load_spec(TABLE2), claims=(claim("AP75", SEEDS, "AP Loss"),))
    reader = fixed(made)
    table = with_findings(some, make_table(some, spec, reader), reader)
    assert "- direction: as claimed, +1.2 (one seed): text; AP75 +1.2" in to_markdown(table)
    close = replace(table.blocks[0].findings[0], verdict=HOLDS, low=0.04, high=2.0)
    block = replace(table.blocks[0], findings=(close,))
    assert "**holds**: text; AP75 +1.2 (+0.04 to +2.0)" in to_markdown(
        replace(table, blocks=(block,))
    )


def test_one_side_with_seeds_has_no_interval(study) -> None:
    (found,) = asked(study, claim(better="aLRP Loss (w GIoU) + SB", worse="AP Loss"))
    assert found.verdict == DIRECTION and found.low is None and found.difference is not None
    assert found.seeds == "2 and 1 seeds"
    assert found.how == "one side has a single seed: no interval"


def test_a_missing_answer_has_a_reason(study) -> None:
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


def test_findings_are_in_the_files_of_a_table(study, tmp_path: Path) -> None:
    build_table(study.folder / "plan.json", TABLE2, tmp_path)
    (block,) = json.loads((tmp_path / "table.json").read_text())["blocks"]
    assert len(block["findings"]) == len(load_spec(TABLE2).claims) == 10
    assert {f["verdict"] for f in block["findings"]} == {DIRECTION, MISSING}
    text = (tmp_path / "table.md").read_text()
    assert "a ranking-based localisation loss improves AP" in text


SEEDS = "aLRP Loss (w GIoU) + SB"  # a row of table 2 with two seeds in the fake study
METRICS = ("AP", "AP50", "AP75", "AP90", "oLRP", "spearman")


def everywhere(values_of):
    return {(loss, metric, ""): v for loss, v in values_of.items() for metric in METRICS}


def test_two_columns_of_the_same_runs_are_paired_by_seed(study) -> None:
    made = everywhere({"alrp": (30.0, 40.0), "ap": (1.0,), "alrp+iou+no-sb": (1.0,)})
    made["alrp", "AP50", ""] = (50.0, 61.0)
    one = claim("AP50", SEEDS, SEEDS, over="AP", about=20.5, tolerance=7)
    (found,) = asked(study, one, values=fixed(made))
    mean, half = mean_over_seeds([20.0, 21.0])
    ends = (mean, mean - half, mean + half)
    assert (found.difference, found.low, found.high) == pytest.approx(ends, abs=1e-5)
    assert found.verdict == DIRECTION and "paired" in found.how  # two seeds


def test_a_ratio_is_of_means(study) -> None:
    made = everywhere({"alrp": (3.0, 3.3), "ap": (1.0,), "alrp+iou+no-sb": (1.0,)})
    one = claim(better=SEEDS, worse="AP Loss", ratio=True, about=3.15, tolerance=0.1)
    (found,) = asked(study, one, values=fixed(made))
    assert found.difference == pytest.approx(3.15)
    assert found.published == pytest.approx(38.9 / 35.5, abs=1e-5)
    assert found.words == "direction: as claimed"  # one side has one seed
    (exact,) = asked(study, one, values=fixed(made, exact=("AP",)))
    assert (exact.low, exact.high) == (3.0, 3.3) and exact.words == "holds, size undecided"
    (wider,) = asked(study, replace(one, tolerance=0.2), values=fixed(made, exact=("AP",)))
    assert wider.words == "holds, of the claimed size" and wider.p is None
    assert not exact.signed and exact.decimals == 2


def test_one_value_is_claimed(study) -> None:
    made = everywhere({"alrp": (1.0, 1.0005), "ap": (1.0,), "alrp+iou+no-sb": (1.0,)})
    one = claim(better=SEEDS, equals=1.0, tolerance=0.001)
    (found,) = asked(study, one, values=fixed(made, exact=("AP",)))
    assert found.verdict == HOLDS and (found.low, found.high) == (1.0, 1.0005)
    assert found.published == 38.9 and "2 seeds" in found.how
    made["alrp", "AP", ""] = (1.0, 1.01)
    (found,) = asked(study, one, values=fixed(made, exact=("AP",)))
    assert found.verdict == UNDECIDED
    (alone,) = asked(study, claim(better="AP Loss", equals=5.0, tolerance=1), values=fixed(made))
    assert (alone.words, alone.seeds) == ("value", "one seed")
    (wrong,) = asked(
        study,
        claim(better="AP Loss", equals=5.0, tolerance=1),
        values=fixed(made, exact=("AP",)),
    )
    assert wrong.verdict == FAILS


def test_the_average_over_rows(study) -> None:
    spec = load_spec(TABLE2)
    rows = tuple(row for row in spec.rows if row.key in ("AP Loss", "aLRP Loss (w IoU)"))
    one = claim("AP50", "AP Loss", "AP Loss", over="AP", average=True, ratio=True, about=2.0)
    one = replace(one, tolerance=0.5)
    spec = replace(spec, rows=rows, claims=(one,))
    made = everywhere({"ap": (1.0,), "alrp+iou+no-sb": (1.0,)})
    made |= {("ap", "AP50", ""): (1.0,), ("alrp+iou+no-sb", "AP50", ""): (4.0,)}
    reader = fixed(made)
    (block,) = with_findings(study, make_table(study, spec, reader), reader).blocks
    (found,) = block.findings
    assert found.difference == pytest.approx(2.0)  # the geometric mean of 1 and 4
    assert found.verdict == DIRECTION and found.how.startswith("mean over 2 rows")
    assert found.published == pytest.approx((58.0 / 35.5 * 57.7 / 36.9) ** 0.5, abs=1e-5)


def test_a_run_is_compared_with_itself_under_another_view(study) -> None:
    one, unknown = asked(
        study,
        claim(better="AP Loss", view="score>=0.3", within=50.0),
        claim(better="AP Loss", view="score>=0.77", within=50.0),
    )
    assert one.low <= one.difference <= one.high and one.words == "difference"
    assert "paired bootstrap" in one.how
    assert unknown.verdict == MISSING
    assert unknown.how.startswith("AP Loss (score>=0.77): not swept")
    assert one.published is None


def test_the_claims_of_a_figure_are_tested(study) -> None:
    figure = make_figure(study, load_spec(PAPERS / "alrp" / "figure4.yaml"))
    (block,) = figure.table.blocks
    assert [f.claim.equals for f in block.findings] == [1.0, 1.0]
    assert all(f.verdict in (HOLDS, FAILS) for f in block.findings)
    assert [f.published for f in block.findings] == [1.0, 1.0]


def test_claims_on_views_are_swept() -> None:
    spec = load_spec(PAPERS / "rs" / "tableS10.yaml")
    request = next(row for row in spec.rows if "RS-Faster R-CNN R-50" in row.key).request()
    assert spec.sweeps[request] == [0.05, 0.40]
    assert len(spec.requests) == len({row.request() for row in spec.rows})
