"""Draws that the evaluations of two runs keep give the intervals of their difference."""

import io
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rankdet.errors import InputError
from rankdet.evaluation import interval_cache, intervals
from rankdet.evaluation.intervals import paired_bootstrap
from rankdet.evaluation.metrics.matches import read_matches, write_matches
from rankdet.kept import keep
from tests.report.fake_study import make_study


@pytest.fixture(scope="module")
def matches(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = make_study(tmp_path_factory.mktemp("study")).parent / "shapes" / "retinanet"
    return [folder / loss / "seed1" / "matches.parquet" for loss in ("ap", "focal")]


@pytest.fixture
def two(matches: list[Path]) -> list[Path]:
    """The matches of two runs; no draws are in memory."""
    interval_cache.draws_of.cache_clear()
    return matches


def test_draws_of_a_run_are_computed_once_for_all_its_comparisons(two, tmp_path: Path) -> None:
    first = interval_cache.difference(*two, "AP", "ap", tmp_path)
    assert interval_cache.difference(*two, "AP", "ap", tmp_path) == first
    back = interval_cache.difference(*two[::-1], "AP", "ap", tmp_path)
    assert first and back and (back.value, back.low) == (-first.value, -first.high)
    assert len(list(tmp_path.iterdir())) == 2
    interval_cache.difference(*two, "oLRP", "olrp", tmp_path)
    assert len(list(tmp_path.iterdir())) == 4


def test_draws_of_an_evaluation_are_those_of_a_comparison(two, tmp_path: Path) -> None:
    for path in two:
        matches = read_matches(path)
        drawn = intervals.draw(matches, np.random.default_rng(interval_cache.SEED))
        interval_cache.keep_draws(matches, path, drawn, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    oracle = paired_bootstrap(*map(read_matches, two), np.random.default_rng(0))
    for metric, family in (("AP75", "ap"), ("oLRP_FP", "olrp"), ("spearman_pooled", "correlation")):
        assert interval_cache.difference(*two, metric, family, tmp_path) == oracle[metric]
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


def test_draws_of_older_matches_are_replaced(two, tmp_path: Path) -> None:
    own = [Path(shutil.copy(path, tmp_path / f"{i}.parquet")) for i, path in enumerate(two)]
    store = tmp_path / "store"
    interval_cache.difference(*own, "AP", "ap", store)
    shutil.copy(two[0], own[1])
    same = interval_cache.difference(*own, "AP", "ap", store)
    assert same and same.value == 0 and len(list(store.iterdir())) == 2


def test_draws_of_other_data_are_not_compared(two, tmp_path: Path) -> None:
    other = read_matches(two[1])
    more = replace(other, image_ids=np.append(other.image_ids, other.image_ids[-1] + 1))
    write_matches(more, tmp_path / "more.parquet")
    with pytest.raises(InputError, match="on different images"):
        interval_cache.difference(two[0], tmp_path / "more.parquet", "AP", "ap", tmp_path / "s")


def test_changed_draws_are_computed_again(two, tmp_path: Path) -> None:
    first = interval_cache.difference(*two, "AP", "ap", tmp_path)
    stored = sorted(tmp_path.iterdir())[0]
    content = io.BytesIO()
    np.savez(content, names=np.array(["AP"]), values=np.zeros((1, 5)), images=3, data="x")
    for form in (b"", b"\xff", b"PK\x03\x04", b'{"AP": 5}', content.getvalue()):
        keep(stored, form)
        interval_cache.draws_of.cache_clear()
        assert interval_cache.difference(*two, "AP", "ap", tmp_path) == first
    stored.write_bytes(b"edited")
    interval_cache.draws_of.cache_clear()
    assert interval_cache.difference(*two, "AP", "ap", tmp_path) == first
    stored.unlink()
    stored.mkdir()  # cannot be written
    interval_cache.draws_of.cache_clear()
    assert interval_cache.difference(*two, "AP", "ap", tmp_path) == first


def test_a_link_to_itself_is_as_a_missing_file(two, tmp_path: Path) -> None:
    loop = tmp_path / "matches.parquet"
    loop.symlink_to(loop.name)
    with pytest.raises(OSError, match="matches"):
        interval_cache.difference(two[0], loop, "AP", "ap", tmp_path / "intervals")
