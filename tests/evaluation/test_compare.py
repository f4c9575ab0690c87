"""`rankdet compare`: its output, the runs that it rejects, and significant differences."""

import argparse
import json
import shutil

import numpy as np
import pytest

from rankdet.commands import compare
from rankdet.errors import InputError
from rankdet.evaluation.comparison import load_runs
from rankdet.evaluation.evaluate import evaluate_files
from rankdet.evaluation.metrics.matches import read_matches, write_matches


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Three runs on the same 40 images: a good one, a slightly changed copy, and a bad one."""
    folder = tmp_path_factory.mktemp("runs")
    rng = np.random.default_rng(0)
    boxes = np.round(rng.uniform(10, 60, (120, 4)), 1)
    annotations = [
        {"id": i + 1, "image_id": i // 3, "category_id": i % 2, "bbox": b, "iscrowd": 0}
        | {"area": b[2] * b[3]}
        for i, b in enumerate(boxes.tolist())
    ]
    truth = {
        "images": [{"id": i, "height": 200, "width": 200} for i in range(40)],
        "annotations": annotations,
        "categories": [{"id": 0, "name": "a"}, {"id": 1, "name": "b"}],
    }
    (folder / "gt.json").write_text(json.dumps(truth))
    scores = rng.random(120)
    good = boxes + rng.normal(0, 1, boxes.shape)
    for name, moved in (
        ("good", good),
        ("same", good + rng.normal(0, 1e-4, boxes.shape)),
        ("bad", boxes + rng.normal(0, 6, boxes.shape)),
    ):
        moved[:, 2:] = np.maximum(moved[:, 2:], 1)
        results = [
            {"image_id": i // 3, "category_id": i % 2, "bbox": b, "score": s}
            for i, (b, s) in enumerate(zip(moved.tolist(), scores.tolist(), strict=True))
        ]
        (folder / "dt.json").write_text(json.dumps(results))
        result = evaluate_files(
            folder / "gt.json", folder / "dt.json", matches_path=folder / f"{name}.parquet"
        )
        (folder / f"{name}.json").write_text(json.dumps(result))
    return folder


def call(*words):
    parser = argparse.ArgumentParser()
    compare.add_arguments(parser)
    return compare.run(parser.parse_args([str(w) for w in words]))


def test_table_and_differences(runs, tmp_path, capsys):
    files = [runs / f"{n}.json" for n in ("good", "same", "bad")]
    out = tmp_path / "out.json"
    assert call(*files, "--draws", 200, "--metrics", "AP,oLRP,AR100", "--out", out) == 0
    text = capsys.readouterr().out
    assert "lower is better for oLRP" in text and "from 200 draws" in text
    first, second, third = json.loads(out.read_text())["runs"]
    assert "difference_to_first" not in first
    assert set(third["difference_to_first"]) == {"AP", "oLRP"}  # AR has no bootstrap
    worse = third["difference_to_first"]["AP"]
    assert worse["high"] < 0 and worse["p"] < 0.05
    expected = third["metrics"]["AP"] - first["metrics"]["AP"]
    assert worse["value"] == pytest.approx(expected, abs=1e-9)
    same = second["difference_to_first"]["AP"]
    assert abs(same["value"]) < 0.002 < abs(worse["value"])
    lines = [line.split() for line in text.splitlines()]
    good = next(line for line in lines if line[:1] == ["good"])
    assert good[1].endswith("*")
    assert not next(line for line in lines if line[:1] == ["bad"])[1].endswith("*")


def test_missing_matches_are_reported(runs, tmp_path, capsys):
    for name in ("good", "bad"):
        shutil.copy(runs / f"{name}.json", tmp_path / f"{name}.json")
    assert call(tmp_path / "good.json", tmp_path / "bad.json") == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "no significance for bad" in text and "--matches" in text


def test_matches_are_found_in_the_folder_of_a_run(runs, tmp_path):
    paths = []
    for name in ("good", "bad"):
        folder = tmp_path / name / "seed1"
        folder.mkdir(parents=True)
        shutil.copy(runs / f"{name}.json", folder / "metrics.json")
        shutil.copy(runs / f"{name}.parquet", folder / "matches.parquet")
        paths.append(folder / "metrics.json")
    found = load_runs(paths)
    assert [r.name for r in found] == ["good", "bad"]
    assert [r.matches for r in found] == [p.with_name("matches.parquet") for p in paths]


def test_names_are_run_keys_if_known(runs, tmp_path):
    paths = []
    for seed in (1, 2):
        data = json.loads((runs / "good.json").read_text())
        data["run"] = {"dataset": "shapes", "detector": "atss", "loss": "alrp", "variant": "iou"}
        data["run"]["seed"] = seed
        paths.append(tmp_path / f"{seed}.json")
        paths[-1].write_text(json.dumps(data))
    assert [r.name for r in load_runs(paths)] == [
        "shapes/atss/alrp+iou/seed1",
        "shapes/atss/alrp+iou/seed2",
    ]
    assert len({r.name for r in load_runs([paths[0], runs / "bad.json"])}) == 2


def test_one_run_alone_is_a_table(runs, capsys):
    assert call(runs / "good.json") == 0
    assert "minus" not in capsys.readouterr().out


def test_runs_on_other_data_are_rejected(runs, tmp_path):
    data = json.loads((runs / "good.json").read_text())
    data["counts"]["images"] = 41
    (tmp_path / "other.json").write_text(json.dumps(data))
    with pytest.raises(InputError, match=r"images: 41, but .* has 40"):
        load_runs([runs / "good.json", tmp_path / "other.json"])


def test_bad_input(runs, tmp_path):
    from rankdet.errors import InputError as RankdetError

    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(InputError, match="is not a metrics file"):
        load_runs([tmp_path / "list.json"])
    (tmp_path / "none.json").write_text('{"schema": "rankdet.metrics/1", "status": "diverged"}')
    with pytest.raises(InputError, match="diverged"):
        load_runs([tmp_path / "none.json"])
    with pytest.raises(InputError, match="no such file"):
        load_runs([tmp_path / "nowhere.json"])
    with pytest.raises(RankdetError, match="'APP'; did you mean 'AP'"):
        call(runs / "good.json", "--metrics", "APP")
    with pytest.raises(RankdetError, match="2 or more"):
        call(runs / "good.json", "--draws", 1)
    shutil.copy(runs / "good.json", tmp_path / "good.json")
    (tmp_path / "good.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(InputError, match="is not a table of matches"):
        call(tmp_path / "good.json", runs / "bad.json")


def test_two_images_give_no_impossible_difference(runs, tmp_path, capsys):
    """Student's t with one degree of freedom is wide, but no AP differs by more than 1."""
    paths = []
    for name in ("good", "bad"):
        few = read_matches(runs / f"{name}.parquet").of_images([0, 1])
        folder = tmp_path / name
        folder.mkdir()
        write_matches(few, folder / "matches.parquet")
        shutil.copy(runs / f"{name}.json", folder / "metrics.json")
        paths.append(folder / "metrics.json")
    out = tmp_path / "out.json"
    assert call(*paths, "--draws", 100, "--out", out) == 0
    found = json.loads(out.read_text())["runs"][1]["difference_to_first"]
    known = {name: one for name, one in found.items() if one["low"] is not None}
    assert {"AP", "oLRP"} <= set(known)
    for name, one in known.items():
        most = 2 if name in ("pearson", "spearman", "kendall") else 1
        assert -most <= one["low"] <= one["value"] <= one["high"] <= most, name
    assert any(one["low"] == -1 for one in known.values())  # it was cut


def test_a_small_p_value_is_no_zero(runs, capsys):
    assert call(runs / "good.json", runs / "bad.json", "--metrics", "AP", "--draws", 400) == 0
    text = capsys.readouterr().out
    assert "< .001" in text and "0.000" not in text
