"""A finished training is not repeated when the later jobs of its group fail."""

import pytest

from rankdet.jobs.finished import FINISHED, forget_finished, keep_finished, take_finished

SPEC = {"keep_epochs": ["1-of-2"], "hashes": {"code": "a"}}
FILES = (
    "model.pth",
    "train.parquet",
    "run.json",
    "epoch-1-of-2/model.pth",
    "epoch-1-of-2/run.json",
)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run whose outputs were kept and then removed, as Snakemake does before another attempt."""
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"content of {name}")
    keep_finished(SPEC, tmp_path)
    for name in FILES:
        (tmp_path / name).unlink()
    return tmp_path


def test_the_outputs_come_back_for_the_same_settings_only(run):
    assert not take_finished({**SPEC, "hashes": {"code": "b"}}, run)
    assert not (run / "model.pth").exists()
    assert take_finished(SPEC, run)
    assert all((run / name).read_text() == f"content of {name}" for name in FILES)


def test_a_file_that_has_changed_since_is_not_taken(run):
    (run / FINISHED / "model.pth").write_text("cut")
    assert not take_finished(SPEC, run)


def test_nothing_is_kept_elsewhere_or_after_the_metrics(run, tmp_path_factory, monkeypatch):
    forget_finished([run])
    assert (run / FINISHED).exists()
    (run / "metrics.json").touch()
    forget_finished([run])
    assert not (run / FINISHED).exists()
    monkeypatch.delenv("SLURM_JOB_ID")
    keep_finished(SPEC, run)
    assert not (run / FINISHED).exists()
