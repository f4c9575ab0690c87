"""Test variants of one training: several scales and flips, or other settings."""

import pytest

from rankdet.errors import InputError
from tests.study.tiny import group, study, wildcards

TESTS = {"multi-scale": {"multi_scale": [32, 64], "flip": True}, "large": {"image_size": 96}}
PLACE = {"dataset": "shapes", "detector": "atss", "loss": "ap", "seed": "1"}


def test_further_tests_need_no_further_training():
    plain = study(runs=[group(losses=["ap"], detectors=["atss"])])
    tested = study(runs=[group(losses=["ap"], detectors=["atss"], test_variants=TESTS)])
    run = tested.run(PLACE)
    assert [r.key for r in tested.runs] == [r.key for r in plain.runs]
    assert run.hashes == plain.run(PLACE).hashes
    assert run.test_hash() == plain.run(PLACE).test_hash()
    others = [run.test_hash(name) for name in TESTS]
    assert len({run.test_hash(), *others}) == 3
    assert tested.test_variants() == [
        f"results/tiny/{run.key}/test-{t}/metrics.json" for t in TESTS
    ]
    spec = tested.spec(wildcards(run, test="multi-scale"), 1)
    assert spec["test"].items() >= TESTS["multi-scale"].items()
    assert spec["test"].items() >= tested.spec(wildcards(run), 1)["test"].items()
    assert "multi_scale" not in tested.spec(wildcards(run), 1)["test"]


@pytest.mark.parametrize(
    "changes",
    [
        {"test": {"flip": True}},
        {"runs": [group(detectors=["mask-rcnn"], losses=["rs"], test={"multi_scale": [32]})]},
        {
            "runs": [
                group(detectors=["mask-rcnn"], losses=["rs"], test_variants={"f": {"flip": True}})
            ]
        },
    ],
)
def test_masks_at_several_scales_are_refused_before_anything_is_trained(changes):
    masks = {"runs": [group(detectors=["mask-rcnn"], losses=["rs"])]}
    with pytest.raises(InputError, match="boxes of several images, not masks; leave") as caught:
        study(**{**masks, **changes})
    assert "mask-rcnn" in str(caught.value) and "\n" not in str(caught.value)
