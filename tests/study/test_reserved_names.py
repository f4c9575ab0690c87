"""Names that are files or folders of the workflow: no dataset and no detector has one."""

import json
from pathlib import Path

import pytest

from rankdet.errors import InputError
from rankdet.results.layout import OF_DATASET, OF_STUDY, reserved
from rankdet.study.detectors import load_detector
from tests.study.tiny import BASE, group, study


@pytest.mark.parametrize("name", ["data", "logs", "dataset.json"])
def test_a_detector_is_no_folder_of_a_dataset(name: str) -> None:
    with pytest.raises(InputError, match=rf"^s\.yaml: runs\[0\].detectors: {name!r} is a file"):
        study(runs=[group(detectors=["retinanet", name])])
    imported = {"name": "x", "dataset": "shapes", "detector": name, "detections": {"val": "x.json"}}
    with pytest.raises(InputError, match=rf"^s\.yaml: imported\[0\].detector: {name!r} is a file"):
        study(imported=[imported])


@pytest.mark.parametrize("name", ["origin", "pages", "imported", "tables"])
def test_a_dataset_is_no_folder_of_a_study(name: str) -> None:
    with pytest.raises(InputError, match=rf"^s\.yaml: datasets: {name!r} is a file or folder of"):
        study(datasets={**BASE["datasets"], name: {"kind": "shapes"}})


def test_the_file_of_a_detector_has_another_name(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text(json.dumps({"name": "data", "title": "x"}))
    with pytest.raises(InputError, match=r"data\.yaml: 'data' is a file or folder of each dataset"):
        load_detector("data", "small", tmp_path)


def test_a_name_is_only_refused_where_its_folder_is() -> None:
    assert reserved("dataset", "data") is None and reserved("detector", "tables") is None
    both = set(OF_STUDY) & set(OF_DATASET)
    assert both == {"logs"} and all(reserved("dataset", name) for name in OF_STUDY)
    runs = study(runs=[group(detectors=["atss"], losses=["ap"], schedule_name="logs")]).runs
    assert "shapes/atss/ap@logs/seed1" in [run.key for run in runs]
