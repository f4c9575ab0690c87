"""Records are checked when they are read, and survive a round trip."""

import json
from pathlib import Path

import pytest

from rankdet.errors import InputError
from rankdet.results.schemas.base import Record, has_no_file
from rankdet.results.schemas.cost import CostRecord
from rankdet.results.schemas.dataset import DatasetManifest
from rankdet.results.schemas.failure import FailureRecord
from rankdet.results.schemas.metrics import MetricsRecord
from rankdet.results.schemas.plan import Plan
from rankdet.results.schemas.run import RunRecord
from rankdet.results.schemas.sweep import SpeedRecord, SweepRecord
from tests.report.fake_study import SWEPT, make_study


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_study(tmp_path_factory.mktemp("study")).parent


FILES: list[tuple[type[Record], str]] = [
    (Plan, "plan.json"),
    (DatasetManifest, "shapes/dataset.json"),
    (RunRecord, f"{SWEPT}/run.json"),
    (MetricsRecord, f"{SWEPT}/metrics.json"),
    (SpeedRecord, f"{SWEPT}/at-0.3/speed.json"),
    (SweepRecord, f"{SWEPT}/sweep.json"),
    (FailureRecord, "shapes/atss/focal/seed1/work/failure.json"),
]


@pytest.mark.parametrize(("kind", "name"), FILES)
def test_a_round_trip_keeps_every_value(
    study: Path, tmp_path: Path, kind: type[Record], name: str
) -> None:
    kind.from_disk(study / name).to_disk(tmp_path / "again.json")
    content = json.loads((study / name).read_text(encoding="utf-8"))
    assert json.loads((tmp_path / "again.json").read_text(encoding="utf-8")) == content


@pytest.mark.parametrize(("kind", "name"), FILES)
def test_another_schema_is_refused(
    study: Path, tmp_path: Path, kind: type[Record], name: str
) -> None:
    content = json.loads((study / name).read_text(encoding="utf-8"))
    path = tmp_path / "other.json"
    path.write_text(json.dumps({**content, "schema": "rankdet.other/1"}))
    with pytest.raises(InputError, match=f"has schema 'rankdet.other/1', expected '{kind.SCHEMA}'"):
        kind.from_disk(path)


def test_the_first_wrong_value_is_named(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    base = {"schema": "rankdet.metrics/1", "metrics": {"AP": 0.5, "oLRP": None}}
    path.write_text(json.dumps(base))
    record = MetricsRecord.from_disk(path)
    assert record.metrics["oLRP"] is None and record.segm is None and record.intervals is None
    assert record.get("nothing") is None
    for change, where in (
        ({"metrics": {"AP": True}}, "metrics.AP"),
        ({"metrics": {"AP": float("nan")}}, "metrics.AP"),
        ({"per_class": {"1": {"AP": "high"}}}, "per_class.1.AP"),
        ({"sparsity": [{"low": "few"}]}, "sparsity.0.low"),
    ):
        path.write_text(json.dumps({**base, **change}))
        found, problem = MetricsRecord.read(path)
        assert found is None and problem is not None
        assert problem.startswith("metrics.json ") and "\n" not in problem
        assert f": {where}" in problem
    path.write_text(json.dumps({"schema": "rankdet.metrics/1"}))
    assert "metrics: Field required" in str(MetricsRecord.read(path)[1])


def test_no_file_differs_from_a_damaged_one(tmp_path: Path) -> None:
    assert has_no_file(RunRecord.read(tmp_path / "run.json")[1])
    (tmp_path / "run.json").write_text("{")
    assert not has_no_file(RunRecord.read(tmp_path / "run.json")[1])
    with pytest.raises(InputError, match=r"run\.json cannot be read.*delete it"):
        RunRecord.from_disk(tmp_path / "run.json")


def test_whole_numbers_stay_whole() -> None:
    record = MetricsRecord.of(metrics={"AP": 1}, per_class={"1": {"n_gt": 3, "AP": 1.0}})
    text = json.dumps(record.to_dict()["per_class"])
    assert text == '{"1": {"n_gt": 3, "AP": 1.0}}'


def test_memory_that_was_not_measurable_is_none() -> None:
    titles = {"detector": "D", "loss": "L"}
    row = {"detector": "d", "loss": "l", "titles": titles, "loss_ms": 1.0, "iteration_s": 0.1}
    record = CostRecord.of(settings={}, rows=[{**row, "memory_mb": None}], hardware={})
    assert record.rows[0].memory_mb is None and record.rows[0].loss_memory_mb is None
