"""Our subclasses of mmdet's assigner and sampler give mmdet's results, value by value."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.structures import InstanceData

from rankdet.detectors.models import model_config, stock_config
from rankdet.study.detectors import detector_names, load_detector
from tests.detectors.batches import ALRP, CLASSES, batch, build, small_config
from tests.detectors.two_stage import ours as two_stage
from tests.waits import Watch

pytestmark = pytest.mark.usefixtures("environment", "gpu_path")

SIDE = st.integers(0, 4)
BOXES = st.lists(st.tuples(SIDE, SIDE, SIDE, SIDE), max_size=9)  # few places: ties, duplicates
LOW = st.sampled_from([0.0, 0.1, 0.3, 0.4, 0.5])
OPTIONS = st.fixed_dictionaries(
    {
        "pos_iou_thr": st.sampled_from([0.1, 0.5, 0.7, 1.0]),
        "neg_iou_thr": LOW | st.tuples(LOW, LOW) | st.just(1),
        "min_pos_iou": st.sampled_from([0, 0.0, 0.3, 0.5, 1.0]),
        "gt_max_assign_all": st.booleans(),
        "match_low_quality": st.booleans(),
        "ignore_iof_thr": st.sampled_from([-1, 0.2, 0.5]),
        "ignore_wrt_candidates": st.booleans(),
        "gpu_assign_thr": st.sampled_from([-1, 2]),
    }
)


@pytest.fixture(scope="module")
def gpu_path():
    """The code for GPUs, on a CPU."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rankdet.losses.device.on_cpu", lambda values: False)
        yield


def boxes_of(rows):
    found = torch.tensor(rows, dtype=torch.float32).reshape(-1, 4)
    return torch.cat([found[:, :2], found[:, :2] + found[:, 2:]], 1)


def inputs(truths, anchors, ignored=()):
    labels = torch.arange(len(truths)) % 3
    return (
        InstanceData(priors=boxes_of(anchors)),
        InstanceData(bboxes=boxes_of(truths), labels=labels),
        InstanceData(bboxes=boxes_of(ignored)),
    )


def pair(options):
    """Returns mmdet's assigner and ours."""
    from mmdet.models.task_modules.assigners import MaxIoUAssigner

    from rankdet.detectors.assigners import MatchAllAtOnce

    return MaxIoUAssigner(**options), MatchAllAtOnce(**options)


def assert_same(ours, theirs):
    """Compares all values of two results of assigners or samplers, and their types."""
    found, expected = vars(ours), vars(theirs)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        if isinstance(value, torch.Tensor):
            torch.testing.assert_close(found[name], value, rtol=0, atol=0, equal_nan=True)
        elif name != "_extra_properties":
            assert found[name] == value, name


@settings(max_examples=400, deadline=None)
@given(BOXES, BOXES, BOXES, OPTIONS)
def test_all_at_once_equals_one_by_one(truths, anchors, ignored, options):
    theirs, ours = pair(options)
    arguments = inputs(truths, anchors, ignored)
    assert_same(ours.assign(*arguments), theirs.assign(*arguments))


def test_the_last_of_two_equal_ground_truths_has_the_box():
    _, ours = pair({"pos_iou_thr": 0.9, "neg_iou_thr": 0.1})
    arguments = inputs([(0, 0, 4, 4), (0, 0, 4, 4)], [(0, 0, 4, 2), (9, 9, 4, 4)])
    assert ours.assign(*arguments).gt_inds.tolist() == [2, 0]


def test_boxes_that_are_not_numbers_are_treated_alike():
    theirs, ours = pair({"pos_iou_thr": 0.5, "neg_iou_thr": 0.4})
    boxes, objects, _ = inputs([(0, 0, 4, 4), (1, 1, 2, 2)], [(0, 0, 4, 4), (1, 1, 2, 3)])
    boxes.priors[0, 2] = objects.bboxes[1, 0] = torch.nan
    assert_same(ours.assign(boxes, objects), theirs.assign(boxes, objects))


@pytest.mark.parametrize("all_best", [True, False])
def test_the_host_does_not_wait_for_ground_truths(all_best):
    options = {"pos_iou_thr": 0.5, "neg_iou_thr": 0.4, "gt_max_assign_all": all_best}
    theirs, ours = pair(options)
    arguments = inputs([(k, k, 3, 3) for k in range(6)], [(k, 0, 4, 4) for k in range(9)])
    seen = []
    for assigner in (theirs, ours):
        with Watch() as watch:
            assigner.assign(*arguments)
        seen.append(len(watch.seen))
    assert seen[0] > 6
    assert seen[1] == 0


@settings(max_examples=100, deadline=None)
@given(BOXES, BOXES)
def test_every_sample_equals_the_pseudo_sampler(truths, anchors):
    from mmdet.models.task_modules.samplers import PseudoSampler

    from rankdet.detectors.assigners import EverySample

    boxes, objects, _ = inputs(truths, anchors)
    assigned = pair({"pos_iou_thr": 0.5, "neg_iou_thr": 0.4})[0].assign(boxes, objects)
    results = [
        sampler().sample(copy.copy(assigned), boxes, objects)
        for sampler in (EverySample, PseudoSampler)
    ]
    for result in results:
        assert_same(vars(result).pop("assign_result", assigned), assigned)
    assert_same(*results)


def types(config, key):
    """Returns the types of all parts with this key in a model's config."""
    if isinstance(config, list | tuple):
        return [found for part in config for found in types(part, key)]
    if not isinstance(config, dict):
        return []
    own = [config[key]["type"]] if isinstance(config.get(key), dict) else []
    return own + [found for part in config.values() for found in types(part, key)]


@pytest.mark.parametrize("name", detector_names())
def test_detectors_have_our_subclasses_and_stock_ones_do_not(name):
    detector = load_detector(name, "small")
    settings = {"preset": "small", "classes": CLASSES}
    ours, stock = (
        model_config(detector, {**ALRP, "name": "alrp"}, **settings),
        stock_config(detector, **settings),
    )
    changed = {"MaxIoUAssigner": "MatchAllAtOnce"}
    expected = [changed.get(kind, kind) for kind in types(stock, "assigner")]
    assert types(ours, "assigner") == expected
    assert "PseudoSampler" not in types(ours, "sampler")
    assert len(types(ours, "sampler")) == len(expected)


def with_mmdets_own(config):
    """Returns a config with mmdet's assigners and samplers in place of our subclasses."""
    names = {"MatchAllAtOnce": "MaxIoUAssigner", "EverySample": "PseudoSampler"}
    config = copy.deepcopy(config)

    def change(part):
        for value in part if isinstance(part, list) else part.values():
            if isinstance(value, dict | list):
                change(value)
        if isinstance(part, dict) and part.get("type") in names:
            part["type"] = names[part["type"]]

    change(config["train_cfg"])
    return config


def losses_of_a_training(config, steps=4):
    """Returns every loss of the first steps of a training, and its last weights."""
    model = build(config)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    images, samples = batch()
    found = []
    torch.manual_seed(3)  # of the samplers
    for _ in range(steps):
        losses = model.loss(images, copy.deepcopy(samples))
        total, values = model.parse_losses(losses)
        found.append({name: value.detach() for name, value in values.items()})
        optimiser.zero_grad()
        total.backward()
        optimiser.step()
    return found, model.state_dict()


@pytest.mark.parametrize("name", ["retinanet", "yolact", "faster-rcnn ce+l1", "faster-rcnn rs"])
def test_trainings_do_not_differ_by_a_bit(name):
    detector, _, loss = name.partition(" ")
    ours = two_stage(detector, loss) if loss else small_config(detector, ALRP)
    found, weights = losses_of_a_training(ours)
    expected, theirs = losses_of_a_training(with_mmdets_own(ours))
    assert types(with_mmdets_own(ours)["train_cfg"], "assigner")[0] == "MaxIoUAssigner"
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    torch.testing.assert_close(weights, theirs, rtol=0, atol=0)
