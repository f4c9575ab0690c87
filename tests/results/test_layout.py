"""The names of a study's files."""

import re
from pathlib import Path

import pytest

from rankdet.repository import ROOT
from rankdet.results import layout


def test_thresholds_never_share_a_folder() -> None:
    thresholds = [0.0, 0.05, 0.3, 0.1234567, 0.12345671, 1e-7, 0.99]
    names = [layout.threshold_folder(t) for t in thresholds]
    assert len(set(names)) == len(names)
    assert [float(name.removeprefix("at-")) for name in names] == thresholds
    assert layout.threshold_folder(0) == layout.threshold_folder(0.0)


@pytest.mark.parametrize("name", ["at-", "on-", "test-"])
def test_the_rules_have_the_same_folders(name: str) -> None:
    rules = "".join(p.read_text() for p in (ROOT / "workflows" / "rules").glob("*.smk"))
    folders = [layout.threshold_folder(0.5), layout.split_folder("x"), layout.variant_folder("x")]
    assert any(folder.startswith(name) for folder in folders)
    assert f"<run>/{name}{{" in rules


def test_the_rules_write_the_same_files() -> None:
    rules = "".join(p.read_text() for p in (ROOT / "workflows" / "rules").glob("*.smk"))
    written = {
        Path(path).name for path in re.findall(r'"(<[^"]+\.(?:json|pth|parquet|csv))"', rules)
    }
    named = {value for value in vars(layout).values() if isinstance(value, str)}
    assert written - {"lrp-check.json", "table.csv"} <= named
    assert {layout.PLAN, layout.MODEL, layout.RUN, layout.METRICS, layout.SWEEP} <= written
