"""Old names of a study's keys: accepted for one release, each with one note."""

import pytest

from rankdet.errors import InputError
from rankdet.study.config.check import check_config
from tests.study.tiny import BASE, group

OLD = {key: value for key, value in BASE.items() if key != "preset"}
COST = {"detectors": ["retinanet"], "losses": ["ap"]}


def test_old_names_are_read_as_the_new_ones_with_one_note_each(capsys):
    config = check_config(
        {
            **OLD,
            "form": "small",
            "cost": {**COST, "form": "small"},
            "runs": [group(tests={"flipped": {"flip": True}})] * 2,
        },
        "s.yaml",
    )
    assert (config.preset, config.cost.preset) == ("small", "small")
    assert [list(runs.test_variants) for runs in config.runs] == [["flipped"]] * 2
    form, tests = capsys.readouterr().err.splitlines()
    assert form.startswith("note: s.yaml: form is called preset since 0.2; ")
    assert tests.startswith("note: s.yaml: tests is called test_variants since 0.2; ")


def test_new_names_need_no_note(capsys):
    assert check_config(BASE, "s.yaml").preset == "small"
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({**BASE, "form": "small"}, "s.yaml: form is the old name of preset; remove form"),
        (
            {**BASE, "runs": [group(tests={}, test_variants={})]},
            "s.yaml: runs[0]: tests is the old name of test_variants; remove tests",
        ),
        ({**OLD, "form": "tiny"}, "s.yaml: preset: found 'tiny'; it should be 'small' or 'full'"),
    ],
)
def test_a_key_is_given_once(values, told):
    with pytest.raises(InputError) as caught:
        check_config(values, "s.yaml")
    assert str(caught.value).startswith(told)
