"""Detections that were made elsewhere in a study: planned, checked early, evaluated, fresh."""

import json
import sys
from pathlib import Path

import pytest

from tests.workflow.conftest import Sandbox, make_sandbox

GROUP = "{dataset: shapes, detectors: [retinanet], losses: [focal, ap, alrp+no-sb]}"
OURS = "{dataset: shapes, detectors: [retinanet], losses: [focal]}"
IMPORTED = """
imported:
  - name: theirs
    dataset: shapes
    detector: retinanet
    detections: {train: theirs-train.json, val: theirs.json}
    url: https://example.org/theirs
"""
ROW = "results/tiny/shapes/retinanet/theirs@imported/seed1"


def write_detections(box: Sandbox, split: str, name: str, score: float = 0.8) -> None:
    """The ground truth of a split as detections."""
    truth = json.loads((box.root / f"results/tiny/shapes/data/{split}.json").read_text())
    keys = ("image_id", "category_id", "bbox")
    found = [{**{k: a[k] for k in keys}, "score": score} for a in truth["annotations"]]
    (box.root / name).write_text(json.dumps(found))


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    made = make_sandbox(tmp_path_factory.mktemp("imported"))
    made.edit("tiny.yaml", GROUP, OURS)
    made.edit("tiny.yaml", "tables: [alrp/table2]\nfigures: [alrp/figure4]\n", IMPORTED)
    done = made.call([sys.executable, "-m", "rankdet.cli", "plan", "--configfile", "tiny.yaml"])
    assert done.returncode == 2
    assert "tiny.yaml: imported[0]: detections.val: no such file: theirs.json" in done.stderr
    for name in ("theirs.json", "theirs-train.json"):
        (made.root / name).write_text("[]")
    done = made.snakemake("results/tiny/shapes/dataset.json")
    assert done.returncode == 0, done.stderr
    write_detections(made, "val", "theirs.json")
    write_detections(made, "train", "theirs-train.json")
    done = made.snakemake()
    assert done.returncode == 0, done.stderr
    return made


def test_it_is_evaluated_on_each_split_beside_the_runs(box: Sandbox) -> None:
    for folder in ("", "on-train/"):
        record = json.loads((box.root / ROW / folder / "metrics.json").read_text())
        assert record["status"] == "imported" and record["metrics"]["AP"] == pytest.approx(1)
        assert record["training"] is None
    names = {path.name for path in (box.root / ROW).iterdir()}
    assert not names & {"model.pth", "train.parquet"}
    page = (box.root / "reports/html/tiny/index.html").read_text()
    assert "https://example.org/theirs" in page and "</span> imported</span>" in page


def test_nothing_runs_again_until_its_file_changes(box: Sandbox) -> None:
    assert box.planned() == []
    text = (box.root / "theirs.json").read_text()
    write_detections(box, "val", "theirs.json", score=0.7)
    jobs = {rule for rule, _ in box.planned()}
    assert {"imported", "evaluate", "leaderboard", "report"} <= jobs
    assert not jobs & {"train", "predict", "untrained", "data"}
    (box.root / "theirs.json").write_text(text)


def test_the_record_decides_without_snakemakes_notes(box: Sandbox) -> None:
    """As after a copy of the results: times say nothing, the hash in the record does."""
    record = box.root / ROW / "run.json"
    content = json.loads(record.read_text())
    kept = content["provenance"]["detections_hash"]
    content["provenance"]["detections_hash"] = "0" * 16
    record.write_text(json.dumps(content))
    assert "imported" in {rule for rule, _ in box.planned()}
    command = [sys.executable, "-m", "rankdet.cli", "plan", "--configfile", "tiny.yaml"]
    assert "imported, will be evaluated again" in " ".join(box.call(command).stdout.split())
    content["provenance"]["detections_hash"] = kept
    record.write_text(json.dumps(content))


def test_detections_of_another_split_stop_the_job_in_one_line(box: Sandbox) -> None:
    text = (box.root / "theirs.json").read_text()
    wrong = [{"image_id": 10**6, "category_id": 1, "bbox": [1, 1, 2, 2], "score": 0.5}]
    (box.root / "theirs.json").write_text(json.dumps(wrong))
    done = box.snakemake(f"{ROW}/metrics.json")
    assert done.returncode != 0
    message = "1 image id is not in split 'val' of 'shapes' (1000000)"
    assert any(message in line for line in done.stderr.splitlines())
    assert "Traceback" not in done.stderr
    (box.root / "theirs.json").write_text(text)
    assert box.snakemake(f"{ROW}/metrics.json").returncode == 0


def test_an_import_of_the_command_stays_in_the_study(box: Sandbox) -> None:
    arguments = ["import", "theirs.json", "--as", "other", "--study", "tiny"]
    done = box.call([sys.executable, "-m", "rankdet.cli", *arguments])
    assert done.returncode == 0, done.stderr
    row = Path("results/tiny/shapes/elsewhere/other@imported/seed1/metrics.json")
    before = (box.root / row).stat().st_mtime_ns
    jobs = {rule for rule, _ in box.planned()}
    assert not jobs & {"train", "predict", "imported", "evaluate", "data"}
    assert box.snakemake().returncode == 0
    assert (box.root / row).stat().st_mtime_ns == before
    plan = json.loads((box.root / "results/tiny/plan.json").read_text())
    assert [one["loss"] for one in plan["runs"] if one.get("imported")] == ["theirs", "other"]
    assert "other" in (box.root / "reports/html/tiny/leaderboard.csv").read_text()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("dataset: shapes\n", "dataset: shaped\n", "imported[0].dataset: found 'shaped'"),
        ("train: theirs", "tran: theirs", "imported[0]: detections: found 'tran'; did you mean"),
        ("{train: theirs-train.json, val", "{train", "the main split 'val' is missing"),
        ("https://", "ftp://", "imported[0].url: found 'ftp://example.org/theirs'"),
    ],
)
def test_a_wrong_entry_is_one_line(box: Sandbox, old: str, new: str, message: str) -> None:
    text = (box.root / "tiny.yaml").read_text()
    assert old in text
    (box.root / "wrong.yaml").write_text(text.replace(old, new))
    done = box.call([sys.executable, "-m", "rankdet.cli", "plan", "--configfile", "wrong.yaml"])
    assert done.returncode == 2 and message in done.stderr, done.stderr
    assert len(done.stderr.splitlines()) == 1
