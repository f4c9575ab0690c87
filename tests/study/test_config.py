"""A study's config: what is accepted, and the one line for what is not."""

import json
import re
from pathlib import Path

import pytest
import yaml

from rankdet.datasets.options import ShapesOptions
from rankdet.errors import InputError
from rankdet.repository import CONFIG
from rankdet.study.config import schema
from rankdet.study.config.check import check_config, load_config

GOOD = {
    "study": "tiny",
    "title": "A tiny study",
    "scale": "Nothing real",
    "preset": "small",
    "datasets": {"shapes": {"kind": "shapes"}},
    "runs": [{"dataset": "shapes", "detectors": ["retinanet"], "losses": ["ap"]}],
    "schedule": {"image_size": 64, "batch_size": 2, "iterations": 3},
}


def changed(path, value):
    """GOOD with the key at a dotted path set (`runs.0.losses`), or removed by `...`."""
    copy = json.loads(json.dumps(GOOD))
    place = copy
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    for part in parents:
        place = place[part]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return copy


def message(values):
    with pytest.raises(InputError) as caught:
        check_config(values, "s.yaml")
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_defaults():
    config = check_config(GOOD, "s.yaml")
    assert config.splits == ["val"]
    assert config.runs[0].seeds == [1]
    assert config.untrained is True
    assert (config.device, config.threads) == ("auto", 1)


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("titel", "x", "s.yaml: titel: unknown key; did you mean 'title'?"),
        ("schedule.iteration", 3, "s.yaml: schedule.iteration: unknown key; did you mean 'itera"),
        ("runs.0.loss", ["ap"], "s.yaml: runs[0].loss: unknown key; did you mean 'losses'?"),
        ("datasets.shapes.sed", 1, "s.yaml: datasets.shapes.sed: unknown key; did you mean 'seed'"),
        ("test", {"nms": 0.5}, "s.yaml: test.nms: unknown key; did you mean 'nms_pre'?"),
        ("preset", "tiny", "s.yaml: preset: found 'tiny'; it should be 'small' or 'full'"),
        ("title", ..., "s.yaml: title: missing; this key must be given"),
        ("schedule.batch_size", "four", "s.yaml: schedule.batch_size: found 'four'; it should be"),
        ("schedule.batch_size", 0, "s.yaml: schedule.batch_size: found 0; it should be greater"),
        ("schedule.iterations", ..., "s.yaml: schedule: neither iterations nor epochs is given"),
        ("schedule.epochs", 3, "s.yaml: schedule: both iterations and epochs are given"),
        ("schedule.lr", "fast", "s.yaml: schedule.lr: found 'fast'; it should be a valid number"),
        ("schedule.lr", -1, "s.yaml: schedule: lr: found -1"),
        (
            "schedule.image_size",
            [1333, 800],
            "s.yaml: schedule.image_size: found [1333, 800]; give",
        ),
        (
            "schedule.lr",
            1e-300,
            "s.yaml: schedule: lr: found 1e-300; give a number from 1e-12 to 10",
        ),
        ("schedule.lr_factor", 1e-300, "s.yaml: schedule.lr_factor: found 1e-300; it should be"),
        (
            "schedule.lr_steps",
            [0.9, 0.7],
            "s.yaml: schedule.lr_steps: found [0.9, 0.7]; give",
        ),
        ("schedule.flip", 1, "s.yaml: schedule.flip: found 1; give true or false"),
        ("schedule.flip", "yes", "s.yaml: schedule.flip: found 'yes'; give true or false"),
        ("schedule.warmup", True, "s.yaml: schedule.warmup: found true; give a number"),
        ("untrained", 0, "s.yaml: untrained: found 0; give true or false"),
        ("threads", 99999, "s.yaml: threads: found 99999; it should be less than or equal to 1024"),
        ("hours", 1e-9, "s.yaml: hours: found 1e-09; it should be greater than or equal to 0.01"),
        ("schedule.image_size", 8, "s.yaml: schedule.image_size: found 8; give a side or"),
        (
            "schedule.augmentation",
            "sdd",
            "s.yaml: schedule.augmentation: found 'sdd'; did you mean 'ssd'?",
        ),
        ("test", {"multi_scale": [64, [9, 3]]}, "s.yaml: test.multi_scale[1]: found [9, 3]; give"),
        ("study", "My Study", "s.yaml: study: found 'My Study'; use lower-case letters"),
        (
            "datasets.shapes.kind",
            "voc",
            "s.yaml: datasets.shapes: kind must be one of shapes, coco-f",
        ),
        ("runs.0.dataset", "shape", "s.yaml: runs[0].dataset: found 'shape'; did you mean 'shap"),
        ("runs", [], "s.yaml: neither runs nor runs_of_tables is given"),
        ("splits", ["val", "test"], "s.yaml: splits[1]: found 'test'; dataset 'shapes' has: trai"),
        ("splits", ["val", "val"], "s.yaml: splits: a split is named twice"),
        ("datasets.shapes", 3, "s.yaml: datasets.shapes: kind must be"),
    ],
)
def test_what_is_wrong_is_one_line(path, value, told):
    assert message(changed(path, value)).startswith(told)


def test_a_key_with_a_dot_says_how_to_write_it():
    """As `rankdet plan --config schedule.iterations=20` gives it."""
    told = message({**GOOD, "schedule.iterations": 20})
    assert told.endswith("on a command line --config 'schedule={iterations: 20}'")


def test_stretched_images_have_one_size():
    values = changed("schedule.multi_scale", [48, 64])
    values["schedule"]["keep_ratio"] = False
    assert "multi_scale and `keep_ratio: false` exclude each other" in message(values)


def test_several_faults_are_counted():
    values = {**changed("preset", "tiny"), "device": "tpu"}
    assert message(values).endswith("(and 1 more)")


def test_own_data_needs_a_train_split():
    folder = {"kind": "coco-folder", "splits": {"val": {"images": "i", "annotations": "a"}}}
    assert "no split `train`" in message(changed("datasets.shapes", folder))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("- a\n- b\n", "a study is a mapping of keys"),
        ("a: [1, 2\n", "not valid YAML"),
        ("", "a study is a mapping of keys, found None"),
    ],
)
def test_files_that_are_no_study(tmp_path, content, told):
    path = tmp_path / "s.yaml"
    path.write_text(content)
    with pytest.raises(InputError, match=told) as caught:
        load_config(path)
    assert "\n" not in str(caught.value)


def test_missing_and_binary_files(tmp_path):
    with pytest.raises(InputError, match="cannot be read: No such file"):
        load_config(tmp_path / "none.yaml")
    (tmp_path / "b.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="byte 1 is not UTF-8"):
        load_config(tmp_path / "b.yaml")


@pytest.mark.parametrize("path", sorted(CONFIG.glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_studies_are_valid(path):
    config = check_config(load_config(path), path.name)
    assert config.study == path.stem


def test_schema_is_up_to_date():
    assert schema.PATH.read_text(encoding="utf-8") == schema.schema_text(), (
        "config/schema.json has drifted: run `python -m rankdet.study.config.schema`"
    )


def test_readme_names_every_key():
    text = (CONFIG / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z0-9_]+)`", text))
    assert schema.keys(json.loads(schema.schema_text())) - named == set()


def test_readme_gives_the_defaults_of_the_built_in_data():
    readme = (CONFIG / "README.md").read_text(encoding="utf-8")
    defaults = {name: field.default for name, field in ShapesOptions.model_fields.items()}
    simple = {n: v for n, v in defaults.items() if isinstance(v, bool | int | float)}
    assert len(simple) >= 10
    for name, default in simple.items():
        shown = str(default).lower() if isinstance(default, bool) else str(default)
        assert re.search(rf"^\| `{name}` .*\| `{re.escape(shown)}` \|$", readme, re.M), name


def test_conda_environment_has_the_pinned_versions():
    environment = yaml.safe_load((CONFIG.parent / "envs" / "rankdet.yaml").read_text())
    pip = next(part["pip"] for part in environment["dependencies"] if isinstance(part, dict))
    pins = Path(CONFIG.parent / "envs" / "constraints.txt").read_text().splitlines()
    assert [pin for pin in pip if pin not in pins] == []
