"""Further tests of a training: several views of an image, or other settings, and nothing anew."""

import pytest

from rankdet.errors import InputError
from tests.study.tiny import group, study

TESTS = {"multi-scale": {"multi_scale": [32, 64], "flip": True}, "large": {"image_size": 96}}
PLACE = {"dataset": "shapes", "detector": "atss", "loss": "ap", "seed": "1"}


def test_further_tests_need_no_further_training():
    plain = study(runs=[group(losses=["ap"], detectors=["atss"])])
    tested = study(runs=[group(losses=["ap"], detectors=["atss"], test_variants=TESTS)])
    run = tested.run(PLACE)
    assert [r.key for r in tested.runs] == [r.key for r in plain.runs]
    assert tested.hashes(run) == plain.hashes(plain.run(PLACE))
    assert tested.test_hash(run) == plain.test_hash(plain.run(PLACE))
    others = [tested.test_hash(run, {"test": name}) for name in TESTS]
    assert len({tested.test_hash(run), *others}) == 3
    assert tested.test_variants() == [
        f"results/tiny/{run.key}/test-{t}/metrics.json" for t in TESTS
    ]
    spec = tested.spec(run, 1, {"test": "multi-scale"})
    assert spec["test"].items() >= TESTS["multi-scale"].items()
    assert spec["test"].items() >= tested.spec(run, 1)["test"].items()
    assert "multi_scale" not in tested.spec(run, 1)["test"]


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
def test_masks_of_several_views_are_one_line_before_anything_is_trained(changes):
    masks = {"runs": [group(detectors=["mask-rcnn"], losses=["rs"])]}
    with pytest.raises(InputError, match="several views together, not masks; leave") as caught:
        study(**{**masks, **changes})
    assert "mask-rcnn" in str(caught.value) and "\n" not in str(caught.value)
