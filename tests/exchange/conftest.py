"""A study with results and its archive; two parts of another study."""

from pathlib import Path

import pytest

from rankdet import cli
from tests.exchange.archives import AP
from tests.exchange.studies import copy_parts, make_parts
from tests.report.fake_study import make_study


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("export")
    plan = make_study(root)
    (plan.parent / AP / "model.pth").write_bytes(b"weights")
    (plan.parent / AP / "logs").mkdir()
    (plan.parent / AP / "logs" / "train.log").write_text("a path of this machine")
    (root / "fake.yaml").write_text("# a study\nstudy: fake  # its name\ntitle: Fake study\n")
    return root


@pytest.fixture
def here(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(made)
    return tmp_path


@pytest.fixture
def archive(here: Path) -> Path:
    path = here / "study.zip"
    assert cli.main(["export", "fake", "--out", str(path)]) == 0
    return path


@pytest.fixture(scope="session")
def made_parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("parts")
    make_parts(root)
    return root


@pytest.fixture
def parts(made_parts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copy_parts(made_parts, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "results"
