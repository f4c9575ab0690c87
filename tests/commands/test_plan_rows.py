"""`rankdet plan` on a terminal: statuses that can be read, and how many runs are to be trained."""

import json
import re

import pytest

from rankdet.cli import main
from rankdet.study.config.check import check_config
from rankdet.study.made_of import made_of
from rankdet.study.plan import Study

STUDY = {
    "study": "tiny",
    "title": "t",
    "scale": "s",
    "preset": "small",
    "device": "cpu",
    "datasets": {"shapes": {"kind": "shapes", "train_images": 40}},
    "runs": [{"dataset": "shapes", "detectors": ["retinanet"], "losses": ["ap", "alrp"]}],
    "schedule": {"image_size": 64, "batch_size": 4, "iterations": 10},
}
OLDER = {"helpers/a_module_with_a_long_name.py": "0"}


@pytest.fixture
def plan(tmp_path, monkeypatch, capsys):
    """Prints the plan of a study with trained runs; those of the losses named are older."""

    def printed(width, *older):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("COLUMNS", str(width))
        (tmp_path / "study.yaml").write_text(json.dumps(STUDY))
        for run in Study(check_config(STUDY, "s.yaml"), "s.yaml").runs:
            if not run.trained:
                continue
            hashes = {f"{part}_hash": value for part, value in run.hashes.items()}
            parts = made_of(run)
            if run.loss_name in older:
                hashes["loss_hash"] = "0"
                parts["files"] |= OLDER
            record = {"schema": "rankdet.run/1", "run": {}, "status": "trained"}
            record["provenance"] = hashes | {"made_of": parts}
            folder = tmp_path / "results/tiny" / run.key
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "run.json").write_text(json.dumps(record))
        assert main(["plan"]) == 0
        return capsys.readouterr().out

    return printed


@pytest.mark.parametrize("width", [50, 80, 300])
def test_a_status_is_never_broken_inside_a_word(plan, width):
    out = plan(width, "ap")
    row, other = (re.search(rf"^shapes +retinanet +{n} .*", out, re.M) for n in ("ap", "alrp"))
    assert row and other and re.search(r"\b10 +0\.\d+ +val", row[0])
    (name,) = OLDER
    assert name in out
    assert f"will be trained again, because {name} changed" in " ".join(out.split())
    status = out[row.start() : other.start()]
    assert name in status  # beside its row or below it
    if width == 80:
        assert all(len(line) <= 80 for line in status.splitlines())


def test_the_plan_counts_what_is_to_be_trained(plan):
    assert "2 trainings, 20 iterations, 1 to be trained now." in plan(300, "ap")
    assert "2 trainings, 20 iterations, none to be trained now." in plan(300)
    out = plan(300, "ap", "alrp")
    assert "2 trainings, 20 iterations. Report" in out and "trained now" not in out
