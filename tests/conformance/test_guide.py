"""The example file in `docs/add-a-detector.md` trains."""

import re
from pathlib import Path

import yaml

from rankdet.study.detectors import load_detector
from tests.conformance.every_pair import spec
from tests.conformance.iterations import check

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "add-a-detector.md"


def test_example_of_the_guide_trains(tiny_shapes, tmp_path):
    text = re.search(r"```yaml\n(.*?)```", GUIDE.read_text(), re.DOTALL).group(1)
    name = yaml.safe_load(text)["name"]
    (tmp_path / f"{name}.yaml").write_text(text)
    run = spec("retinanet", "ap", tiny_shapes)
    run["detector_spec"] = load_detector(name, "small", tmp_path)
    check(run)
