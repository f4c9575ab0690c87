"""Typos in the models of detector and backbone files are found before a job starts."""

import pytest
import yaml

from rankdet.errors import InputError
from rankdet.papers.spec import RunRequest
from rankdet.repository import BACKBONES, DETECTORS
from rankdet.study import backbones, detectors
from rankdet.study.model import load_model
from rankdet.study.model_keys import unknown_keys
from rankdet.study.tables import check_names

BASE = "atss/atss_r50_fpn_1x_coco.py"


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"backbone": {"dept": 18}}, "backbone.dept: ResNet of mmdet .* did you mean 'depth'"),
        ({"bakbone": {"depth": 18}}, "bakbone: ATSS of mmdet .* did you mean 'backbone'"),
        ({"neck": {"type": "FPN_CARAFE", "upsample": 1}}, "neck.upsample: FPN_CARAFE"),
        ({"bbox_head": {"anchor_generator": {"octave": 4}}}, "anchor_generator.octave"),
        ({"backbone": {"type": "ResNeXt", "group": 2}}, "did you mean 'groups'"),
    ],
)
def test_a_key_that_the_class_does_not_take_is_found(changes, found):
    with pytest.raises(AssertionError, match=found):
        assert not list(unknown_keys(BASE, changes))


def test_every_detector_with_every_backbone_has_known_keys_only():
    checked = 0
    for name in detectors.detector_names():
        for preset in detectors.PRESETS:
            spec = detectors.load_detector(name, preset)
            for backbone in backbones.backbone_names():
                part = backbones.load_backbone(backbone, preset)
                whole = backbones.with_backbone(spec, part, preset)
                assert not list(unknown_keys(spec["base"], whole[preset], spec.get("head", "")))
                checked += 1
    assert checked > 200


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"small": {"backbone": {"dept": 18}}}, "small.backbone.dept"),
        ({"small": [1]}, r"small: found \[1\]; give a mapping"),
        ({"head": 3}, "head: found 3; give a text"),
        ({"bases": "x"}, "bases: unknown key; did you mean 'base'"),
    ],
)
def test_a_faulty_detector_is_one_line(tmp_path, change, message):
    spec = yaml.safe_load((DETECTORS / "atss.yaml").read_text())
    (tmp_path / "atss.yaml").write_text(yaml.safe_dump({**spec, **change}))
    with pytest.raises(InputError, match=message):
        detectors.load_detector("atss", "small", tmp_path)


def test_a_faulty_backbone_names_its_file(tmp_path, monkeypatch):
    text = BACKBONES.read_text().replace("backbone: {depth: 34}", "backbone: {dept: 34}")
    (tmp_path / "backbones.yaml").write_text(text)
    load = backbones.load_backbone
    monkeypatch.setattr(
        backbones,
        "load_backbone",
        lambda name, preset: load(name, preset, tmp_path / "backbones.yaml"),
    )
    with pytest.raises(InputError, match=r"backbones\.yaml: r101: small\.backbone\.dept"):
        load_model("atss", "r101", "ap", "small")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"detector": "retinannet"}, "unknown detector; did you mean 'retinanet'"),
        ({"loss": "alpr"}, "unknown loss 'alpr'"),
        ({"loss": "alrp+iuo"}, "has no variant 'iuo'"),
        ({"backbone": "r101+x"}, "unknown backbone 'x'"),
    ],
)
def test_a_row_with_an_unknown_name_is_an_error(names, message):
    good = {"dataset": "coco", "detector": "retinanet", "loss": "alrp"}
    check_names(RunRequest(**good), "t.yaml")
    with pytest.raises(InputError, match=message):
        check_names(RunRequest(**{**good, **names}), "t.yaml")
