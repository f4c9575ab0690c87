"""An output that a command reads, or that belongs to somebody else, is refused before any work."""

import json
import os

import pytest

from rankdet import cli
from rankdet.evaluation.evaluate import evaluate_files
from tests.evaluation.bad_input import write


def files_of(folder):
    return {p: p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture
def refused(tmp_path, monkeypatch, capsys):
    """Returns a function that runs a command which must change nothing; it returns the error."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path)
    for name in ("a", "b"):
        matches = tmp_path / f"{name}.parquet"
        result = evaluate_files("gt.json", "dt.json", matches_path=matches)
        (tmp_path / f"{name}.json").write_text(json.dumps(result))
    (tmp_path / "link.json").symlink_to("gt.json")
    os.link(tmp_path / "dt.json", tmp_path / "second-name.json")

    def run(*arguments):
        before = files_of(tmp_path)
        assert cli.main([*arguments]) == 2
        captured = capsys.readouterr()
        assert captured.out == "" and len(captured.err.splitlines()) == 1
        assert files_of(tmp_path) == before
        return captured.err

    return run


@pytest.mark.fault("output of a command that would replace what it reads, or data of others")
@pytest.mark.parametrize("option", ["--matches", "--out"])
@pytest.mark.parametrize(
    "name", ["gt.json", "dt.json", "./gt.json", "x/../dt.json", "link.json", "second-name.json"]
)
def test_evaluate_does_not_write_over_its_input(refused, tmp_path, option, name):
    (tmp_path / "x").mkdir()
    error = refused("evaluate", "gt.json", "dt.json", option, name)
    assert "this command reads it and would write over it; name another file" in error


@pytest.mark.fault("output of a command that would replace what it reads, or data of others")
@pytest.mark.parametrize("second", ["new", "./new", "link-to-new"])
def test_two_outputs_need_two_files(refused, tmp_path, second):
    (tmp_path / "link-to-new").symlink_to("new")
    error = refused("evaluate", "gt.json", "dt.json", "--out", "new", "--matches", second)
    assert "two outputs have this name" in error


def test_a_device_is_not_replaced(refused, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    error = refused("evaluate", "gt.json", "dt.json", "--out", "pipe")
    assert "pipe: is not a file that can be replaced" in error
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.fault("output of a command that would replace what it reads, or data of others")
@pytest.mark.parametrize("name", ["a.json", "b.json", "a.parquet", "b.parquet"])
def test_compare_does_not_write_over_its_input(refused, name):
    assert "would write over it" in refused("compare", "a.json", "b.json", "--out", name)


@pytest.mark.fault(
    "output of a command that would replace what it reads, or data of others", tries=4
)
def test_a_file_of_a_run_is_not_replaced(refused, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / "metrics.json").write_text((tmp_path / "a.json").read_text())
    (run / "run.json").write_text("{}")
    for name in ("metrics.json", "run.json"):
        assert "would write over it" in refused("thresholds", "run", "--out", f"run/{name}")
    assert "would write over it" in refused("submission", "run", "--out", "run/run.json")
    assert "would write over it" in refused("thresholds", "a.json", "--out", "a.json")
    assert cli.main(["thresholds", "run", "--out", "run/thresholds.json"]) == 0


def test_outputs_beside_the_input_are_written(tmp_path):
    gt, dt = write(tmp_path)
    out, matches = tmp_path / "metrics.json", tmp_path / "metrics.parquet"
    for _ in range(2):  # also over the results of the first time
        assert cli.main(["evaluate", gt, dt, "--out", str(out), "--matches", str(matches)]) == 0
    assert json.loads(out.read_text())["counts"]["detections"] == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        ["gt.json", "dt.json", out.name, matches.name]
    )


SHAPES = ["data", "shapes", "my", "--train-images", "2", "--val-images", "2"]


@pytest.mark.fault("output of a command that would replace what it reads, or data of others")
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("dataset.json", '{"images": [], "annotations": []}'),
        ("dataset.json", '{"schema": "rankdet.dataset/1", "kind": "coco-folder"}'),
        ("dataset.json", "not JSON"),
        ("data/train.json", "{}"),
        ("data", "a file"),
    ],
)
def test_shapes_do_not_replace_other_data(refused, tmp_path, name, content):
    path = tmp_path / "my" / name
    path.parent.mkdir(parents=True)
    path.write_text(content)
    error = refused(*SHAPES)
    assert "exists and was not written by `rankdet data shapes`: give another folder" in error
    assert f"my/{name.split('/')[0]} " in error


def test_shapes_replace_shapes(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my").mkdir()
    (tmp_path / "my/notes.txt").write_text("kept")
    assert cli.main(SHAPES) == cli.main([*SHAPES, "--seed", "2"]) == 0
    first, second = capsys.readouterr().out.split("train: ")[1:]
    assert first != second and (tmp_path / "my/notes.txt").read_text() == "kept"
