"""Detections that `rankdet import` has taken, when the config of their study changes."""

from pathlib import Path

import pytest

from rankdet.errors import InputError
from rankdet.results.schemas.imports import ImportRecord
from tests.study.tiny import study


def test_an_import_on_a_renamed_dataset_is_not_to_be_deleted(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    place = Path("results/tiny/imported/old/elsewhere/theirs@imported/seed1")
    place.mkdir(parents=True)
    values = {"name": "theirs", "dataset": "old", "detector": "elsewhere", "seed": 1}
    files = {"detections": {"val": "val.json"}, "speed": "", "title": "", "url": ""}
    ImportRecord.of(**values, **files).to_disk(place / "import.json")
    with pytest.raises(InputError, match="dataset 'old' is not in this study") as error:
        study()
    assert f"or move {place} out of the study" in str(error.value)
    assert "delete" not in str(error.value)
