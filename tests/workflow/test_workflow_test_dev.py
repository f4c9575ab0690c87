"""A split without annotations: runs detect on it, and nothing is evaluated."""

import json

from PIL import Image

from tests.workflow.conftest import make_sandbox

DATA = """
  shapes:
    kind: coco-folder
    title: Own
    splits:
      train: {images: own, annotations: own/train.json}
      val: {images: own, annotations: own/train.json}
      test-dev: {images: own, annotations: own/info.json}
"""
BUILT_IN = "shapes: {kind: shapes, title: Shapes, seed: 1, image_size: 64"
RUN = "results/tiny/shapes/retinanet/ap/seed1"


def write_data(folder):
    folder.mkdir()
    Image.new("RGB", (64, 64)).save(folder / "a.png")
    image = {"id": 1, "file_name": "a.png", "width": 64, "height": 64}
    info = {"images": [image], "categories": [{"id": 1, "name": "cat"}]}
    one = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 30, 30], "area": 900}
    (folder / "info.json").write_text(json.dumps(info))
    (folder / "train.json").write_text(json.dumps({**info, "annotations": [one | {"iscrowd": 0}]}))


def test_runs_detect_and_the_report_gives_the_reason(tmp_path):
    sandbox = make_sandbox(tmp_path)
    write_data(sandbox.root / "own")
    text = (sandbox.root / "tiny.yaml").read_text()
    built_in = next(line for line in text.splitlines() if BUILT_IN in line)
    text = text.replace(built_in, DATA).replace("[val, train]", "[val, test-dev]")
    text = text.replace("losses: [focal, ap, alrp+no-sb]", "losses: [ap]")
    text = text.replace("figures: [alrp/figure4]\n", "untrained: false\n")
    (sandbox.root / "tiny.yaml").write_text(text)
    done = sandbox.snakemake()
    assert done.returncode == 0, done.stderr
    run = sandbox.root / RUN
    assert json.loads((run / "metrics.json").read_text())["metrics"]["AP"] > 0.99
    record = json.loads((run / "on-test-dev" / "metrics.json").read_text())
    assert record["metrics"] == {} and "has no annotations" in record["skipped"]
    assert (run / "on-test-dev" / "detections.json").exists()
    page = next((sandbox.root / "reports/html/tiny/runs").rglob("ap/*.html")).read_text()
    assert "No metrics: split" in page and "has no annotations" in page
    board = (sandbox.root / "results/tiny/leaderboard.csv").read_text()
    assert "test-dev" in board and "has no annotations" in board
    assert not sandbox.planned()
