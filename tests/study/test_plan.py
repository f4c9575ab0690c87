"""The plan: what is handed to training, to the tables and to the report."""

import json

import pytest

from rankdet.errors import InputError
from rankdet.study import data
from tests.study.tiny import group, study, wildcards


def test_a_figure_takes_in_other_losses_of_its_rows_models_alone():
    runs = [group(losses=["focal", "ap"]), group(detectors=["retinanet"], backbone="r101")]
    made = study(preset="full", runs=runs, tables=[], figures=["alrp/figure4"])
    shown = {record.removeprefix("results/tiny/shapes/") for record in made.records("alrp/figure4")}
    assert shown == {f"retinanet/{loss}/seed1/metrics.json" for loss in ("focal", "ap")}


def test_spec_is_complete_and_serialisable():
    plan = study()
    spec = json.loads(json.dumps(plan.spec(wildcards(plan.runs[-1]), threads=2)))
    assert (spec["loss"], spec["variant"], spec["seed"], spec["threads"]) == ("alrp", "iou", 1, 2)
    assert spec["manifest"] == "results/tiny/shapes/dataset.json"
    assert spec["card"]["box"] == {"type": "iou"}
    assert spec["detector_spec"]["name"] == "atss"
    assert spec["hashes"].keys() == {"config", "code", "loss"}
    assert spec["schedule"]["lr"] > 0


def test_a_table_knows_its_runs():
    records = study().records("alrp/table2")
    assert records == [
        "results/tiny/shapes/retinanet/ap/seed1/metrics.json",
        "results/tiny/shapes/retinanet/alrp+iou/seed1/metrics.json",
    ]


def test_records_of_further_splits_stand_below_the_run():
    records = study(splits=["val", "train"], untrained=False).records()
    assert records[:2] == [
        "results/tiny/shapes/retinanet/ap/seed1/metrics.json",
        "results/tiny/shapes/retinanet/ap/seed1/on-train/metrics.json",
    ]


def own_data(root):
    splits = {"train": {"images": "images", "annotations": "train.json"}}
    return {
        "data_root": str(root),
        "splits": ["train"],
        "datasets": {"shapes": {"kind": "coco-folder", "title": "Own", "splits": splits}},
    }


def test_own_data_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(
        InputError, match=r"shapes.splits.train.images: no such folder: .*images; p"
    ):
        study(**own_data(tmp_path))
    (tmp_path / "images").mkdir()
    with pytest.raises(InputError, match=r"shapes.splits.train.annotations: no such file: .*json;"):
        study(**own_data(tmp_path))


def test_own_data_is_found_below_data_root(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "train.json").write_text("{}")
    plan = study(**own_data(tmp_path))
    files = {"images": f"{tmp_path}/images", "annotations": f"{tmp_path}/train.json"}
    assert data.prepare_config(plan.config, "shapes") == {"kind": "coco-folder", "train": files}
    assert plan.data_files("shapes") == [files["annotations"]]


def test_gpus_follow_the_device():
    assert study(device="cpu").gpus == 0
    assert study(device="cuda").gpus == 1
