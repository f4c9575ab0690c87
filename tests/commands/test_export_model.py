"""`rankdet export-model`: which run is exported, and what stops it before any work."""

from pathlib import Path

import pytest

from rankdet import cli
from rankdet.results.schemas.run import RunRecord
from rankdet.study.load import load_study
from rankdet.training import stock_export

CONFIG = """
study: mine
title: A study
scale: none
preset: small
datasets: {shapes: {kind: shapes, seed: 1, image_size: 64, train_images: 2, val_images: 2}}
runs: [{dataset: shapes, detectors: [retinanet], losses: [ap]}]
schedule: {image_size: 64, batch_size: 2, iterations: 3}
"""
RUN = Path("results/mine/shapes/retinanet/ap/seed1")


@pytest.fixture
def called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict]:
    """A trained run in the current folder; the specs with which an export was called."""
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(CONFIG)
    write_record()
    calls: list[dict] = []
    monkeypatch.setattr(
        stock_export, "export_model", lambda spec, run, out: calls.append(spec) or 2
    )
    return calls


def write_record(status: str = "trained", **provenance: str) -> None:
    planned = load_study(["mine.yaml"]).runs[-1]
    RunRecord.of(
        run={"study": "mine"},
        status=status,
        training={"iterations": 3},
        provenance={"config_hash": planned.hashes["config"], **provenance},
    ).to_disk(RUN / "run.json")


def test_the_spec_is_that_of_the_studys_config(called: list[dict], capsys) -> None:
    assert cli.main(["export-model", str(RUN), "--out", "model"]) == 0
    (spec,) = called
    assert (spec["detector"], spec["loss"], spec["seed"]) == ("retinanet", "ap", 1)
    assert spec["manifest"] == str(Path("results/mine/shapes/dataset.json").resolve())
    assert "tools/test.py model/config.py model/model.pth" in capsys.readouterr().out


def test_the_config_that_fits_is_taken_of_several(called: list[dict]) -> None:
    Path("a.yaml").write_text(CONFIG.replace("[ap]", "[focal]"))
    assert cli.main(["export-model", str(RUN), "--out", "model"]) == 0
    assert [spec["loss"] for spec in called] == ["ap"]


def test_a_folder_with_other_files_is_refused_before_the_config_is_read(called, capsys) -> None:
    Path("model").mkdir()
    Path("model/thesis.tex").write_text("years of work")
    Path("mine.yaml").write_text("no config")
    assert cli.main(["export-model", str(RUN), "--out", "model"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "model exists and was not written by rankdet" in line and not called
    assert cli.main(["export-model", str(RUN), "--out", str(RUN.parent)]) == 2
    assert not called


@pytest.mark.parametrize(
    ("record", "config", "message"),
    [
        ({"status": "diverged"}, CONFIG, "diverged: there are no trained weights"),
        ({"config_hash": "0" * 16}, CONFIG, "older than mine.yaml: its settings changed"),
        ({}, CONFIG.replace("mine", "other"), "no config of the study 'mine' here"),
        ({}, CONFIG.replace("[ap]", "[focal]"), "has no run 'shapes/retinanet/ap/seed1'"),
    ],
)
def test_what_cannot_be_exported_is_one_line(called, capsys, record, config, message) -> None:
    write_record(**record)
    Path("mine.yaml").write_text(config)
    assert cli.main(["export-model", str(RUN), "--out", "model"]) == 2
    error = capsys.readouterr().err
    assert message in error and len(error.splitlines()) == 1 and not called
