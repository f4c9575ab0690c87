"""One fake study and its report for all tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rankdet.report import build_report
from tests.report.browser import Browser
from tests.report.fake_study import SEVERAL_SEEDS, make_study


@pytest.fixture(scope="session")
def fake_plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_study(tmp_path_factory.mktemp("study"), split_names=("val", "train"))


@pytest.fixture(scope="session")
def report(fake_plan: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_report(fake_plan, tmp_path_factory.mktemp("report") / "html").parent


@pytest.fixture(scope="session")
def seeds_plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_study(tmp_path_factory.mktemp("seeds"), runs=SEVERAL_SEEDS)


@pytest.fixture(scope="session")
def seeds(seeds_plan: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_report(seeds_plan, tmp_path_factory.mktemp("report") / "html").parent


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    window = Browser()
    yield window
    window.close()
