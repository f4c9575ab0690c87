"""A study that tests a given checkpoint without a training, and starts another run from it."""

import json

import pytest

from tests.workflow.conftest import make_sandbox

GROUP = "{dataset: shapes, detectors: [retinanet], losses: [focal, ap, alrp+no-sb]}"
GIVEN = "{dataset: shapes, detectors: [retinanet], losses: [ap], checkpoint: theirs.pth}"
TUNED = (
    "{dataset: shapes, detectors: [retinanet], losses: [focal], schedule_name: tuned, "
    "init_from: shapes/retinanet/ap@given/seed1}"
)
RUN = "results/tiny/shapes/retinanet/ap@given/seed1"


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    sandbox = make_sandbox(tmp_path_factory.mktemp("given"))
    (sandbox.root / "theirs.pth").write_bytes(b"their weights")
    sandbox.edit("tiny.yaml", GROUP, f"{GIVEN}\n  - {TUNED}")
    sandbox.edit("tiny.yaml", "figures: [alrp/figure4]\n", "untrained: false\n")
    sandbox.edit("tiny.yaml", "[val, train]", "[val]")
    assert [loss for rule, loss in sandbox.planned() if rule == "train"] == ["focal@tuned"]
    done = sandbox.snakemake()
    assert done.returncode == 0, done.stderr
    return sandbox


def test_it_predicts_and_is_evaluated(box):
    assert (box.root / RUN / "model.pth").read_bytes() == b"their weights"
    metrics = json.loads((box.root / RUN / "metrics.json").read_text())
    assert metrics["status"] == "given checkpoint" and metrics["metrics"]["AP"] == 1
    assert not (box.root / RUN / "train.parquet").exists()


def test_another_run_starts_from_it(box):
    """The fake training copies the weights that it starts from."""
    tuned = box.root / "results/tiny/shapes/retinanet/focal@tuned/seed1"
    assert (tuned / "model.pth").read_bytes() == b"trained on their weights"


def test_the_tables_show_it(box):
    table = json.loads((box.root / "results/tiny/tables/alrp/table2/table.json").read_text())
    runs = {run for row in table["blocks"][0]["rows"] for run in row["runs"]}
    assert runs == {"shapes/retinanet/ap@given/seed1"}


def test_the_report_names_the_checkpoint(box):
    page = next((box.root / "reports/html/tiny/runs").rglob("*given*/*.html"))
    assert "given checkpoint" in page.read_text()


def test_another_checkpoint_is_predicted_again(box):
    assert not box.planned()
    (box.root / "theirs.pth").write_bytes(b"other weights")
    rules = {rule for rule, _ in box.planned()}
    assert {"given", "predict", "evaluate", "train"} <= rules


def test_a_missing_file_is_one_line(box):
    text = (box.root / "tiny.yaml").read_text().replace("theirs.pth", "nowhere.pth")
    (box.root / "missing.yaml").write_text(text)
    done = box.snakemake("-n", study="missing.yaml")
    assert done.returncode != 0
    assert "runs[0].checkpoint: no such file: nowhere.pth" in done.stderr
