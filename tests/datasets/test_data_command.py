"""`rankdet data check` and `rankdet data shapes`, called as on the command line."""

import json
import os
import subprocess
import sys

import pytest

from rankdet.cli import main
from tests.shared_data import require_shared


@pytest.fixture
def shapes(tmp_path, capsys):
    command = ["data", "shapes", str(tmp_path), "--train-images", "5", "--val-images", "3"]
    assert main([*command, "--object-size", "16", "60", "--seed", "4", "--no-masks"]) == 0
    return tmp_path / "data", capsys.readouterr().out


def test_shapes_writes_the_requested_data(shapes):
    data, out = shapes
    manifest = json.loads((data.parent / "dataset.json").read_text())
    assert manifest["splits"]["train"]["n_images"] == 5
    assert f"val: 3 images, {manifest['splits']['val']['n_annotations']} annotations" in out
    assert out.rstrip().endswith(manifest["checksum"])
    annotations = json.loads((data / "train.json").read_text())["annotations"]
    assert annotations and "segmentation" not in annotations[0]


def test_check_counts(shapes, capsys):
    data, _ = shapes
    assert main(["data", "check", str(data / "train"), str(data / "train.json")]) == 0
    out = capsys.readouterr().out
    annotations = json.loads((data / "train.json").read_text())["annotations"]
    crowds = sum(a["iscrowd"] for a in annotations)
    circles = sum(a["category_id"] == 1 and not a["iscrowd"] for a in annotations)
    assert f"annotations        {len(annotations)} ({crowds} crowds)\n" in out
    assert out.startswith("images             5 (")
    assert f"  circle   {circles:>7}\n" in out


def test_check_names_every_kind_of_error(shapes, capsys):
    data, _ = shapes
    (data / "train" / "000001.png").unlink()
    content = json.loads((data / "train.json").read_text())
    content["annotations"][-1]["image_id"] = 99
    (data / "train.json").write_text(json.dumps(content))
    assert main(["data", "check", str(data / "train"), str(data / "train.json")]) == 2
    captured = capsys.readouterr()
    lines = captured.err.splitlines()
    assert len(lines) == 2 and all(line.startswith("error: ") for line in lines)
    assert "images missing in" in lines[0] and "000001.png" in lines[0]
    assert "of image 99" in lines[1]


def test_bad_input_is_one_line_and_exit_2(tmp_path, capsys):
    (tmp_path / "a.json").write_text("{,}")
    assert main(["data", "check", str(tmp_path), str(tmp_path / "a.json")]) == 2
    assert main(["data", "shapes", str(tmp_path / "b"), "--image-size", "9"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and all(line.startswith("error: ") for line in lines)


def test_a_limited_disk_is_one_line_and_leaves_nothing(tmp_path):
    """The system refuses to write more: 20 blocks are too small for one image."""
    out = tmp_path / "out"
    command = f"ulimit -f 20; {sys.executable} -m rankdet.cli data shapes {out} --train-images 2"
    # Without coverage, which also writes a file.
    env = {key: value for key, value in os.environ.items() if not key.startswith("COVERAGE")}
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, env=env)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"error: no space left while writing {out}/data: free some space")
    assert list(out.iterdir()) == []


def test_real_data_counts(capsys):
    root = require_shared("data", "coco_permissive_mini")
    annotations = root / "annotations/instances_val2017.json"
    assert main(["data", "check", str(root / "val2017"), str(annotations)]) == 0
    out = capsys.readouterr().out
    assert "images             61 (" in out and "537 (8 crowds)" in out
    assert "classes            80 (60 with objects)" in out


def test_needs_no_torch():
    code = (
        "import sys, rankdet.datasets.shapes, rankdet.datasets.coco_folder, rankdet.commands.data;"
        "sys.exit(bool({'torch', 'scipy', 'pandas', 'pycocotools'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
