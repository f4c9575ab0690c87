"""A paper is added by following `docs/add-a-paper.md`: its files are copied from there."""

import csv
import json
import re

import pytest

from tests.workflow.conftest import ROOT, make_sandbox

# A paragraph, and the fenced block that follows it.
BLOCK = re.compile(r"\n\n((?:[^\n]+\n)+)```\w+\n(.*?)```(?=\n)", re.S)


def files_of_the_guide() -> dict[str, str]:
    """Path to content: a paragraph that names a file, followed by a block."""
    text = (ROOT / "docs" / "add-a-paper.md").read_text(encoding="utf-8")
    found = {}
    for paragraph, block in BLOCK.findall(text):
        names = re.findall(r"`([\w./-]+\.(?:yaml|csv|md|py))`", paragraph)
        found[names[0]] = block
    return found


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory):
    box = make_sandbox(tmp_path_factory.mktemp("papers"))
    files = files_of_the_guide()
    assert len(files) == 7
    for name, content in files.items():
        path = box.root / name
        assert not path.exists(), name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    done = box.snakemake(study="example.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    return box


def test_the_paper_of_the_guide_is_planned_made_and_shown(box) -> None:
    results = box.root / "results" / "example"
    missing = json.loads((results / "plan.json").read_text())["papers"]["missing"]
    assert [(one["dataset"], one["loss"]) for one in missing] == [("kitti", "ap")]
    reason = "this study maps no dataset to the paper's 'kitti'"
    table = json.loads((results / "tables" / "example" / "table1" / "table.json").read_text())
    focal, ap, kitti = table["blocks"][0]["rows"]
    assert focal["runs"] == ["shapes/retinanet/focal/seed1"] and focal["cells"]["AP"]["ours"] > 0
    assert ap["cells"]["AP"]["published"] == 21.3 and ap["cells"]["ρ"]["published"] is None
    assert kitti["reason"] == reason and kitti["cells"]["AP"]["published"] == 30.2
    assert [column["better"] for column in table["columns"]] == ["higher", "lower", "higher"]
    assert table["columns"][0]["scale"] == 100 and table["columns"][2]["decimals"] == 2
    figure = json.loads((results / "figures" / "example" / "figure2" / "figure.json").read_text())
    assert [row["cells"]["last loss"]["ours"] for row in figure["table"]["blocks"][0]["rows"]] == [
        1,
        1,
    ]
    (drawing,) = figure["drawings"]
    assert [one["name"] for one in drawing["charts"][0]["series"]] == ["Focal Loss", "AP Loss"]
    page = (box.root / "reports" / "html" / "example" / "papers" / "example.html").read_text()
    for text in ("An Example Loss for Object Detection", "Table 1: Focal Loss and AP Loss"):
        assert text in page
    assert "Total loss: Focal Loss ends at 1.00; AP Loss ends at 1.00." in page
    assert reason.replace("'", "&#39;") in page and "AP Loss improves AP" in page
    rows = list(csv.DictReader((results / "tables/example/table1/table.csv").open()))
    assert [row["reason"] for row in rows] == ["", "", reason]


def test_an_edit_of_the_kind_makes_only_its_figure_again(box) -> None:
    assert not [rule for rule, _ in box.planned(study="example.yaml") if rule != "plan"]
    box.edit("analysis/figures/total_loss.py", '"total loss", curves', '"loss", curves')
    rules = {rule for rule, _ in box.planned(study="example.yaml")}
    assert {"figure", "report"} <= rules and not rules & {"table", "train", "evaluate"}
    box.edit("analysis/papers/example/table1.csv", "20.1", "20.2")
    assert "table" in {rule for rule, _ in box.planned(study="example.yaml")}
    box.edit("analysis/papers/example/table1.md", "Where:", "On:")
    done = box.snakemake("-n", study="example.yaml")
    assert done.returncode != 0
    text = done.stdout + done.stderr
    assert "table1.md: no line begins with 'Where:'; add it" in text and "Traceback" not in text
