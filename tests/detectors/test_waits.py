"""On a GPU a head waits once, for the number of positives, and its loss at most once more.

In a whole step the waits do not grow with the objects, but for two detectors of mmdet.
"""

import pytest
import torch

from tests.bench.bench_waits import SIZES, count
from tests.detectors.batches import ALRP, batch, build, small_config
from tests.pretended_gpu import PretendedGpu, on_gpu, waits_of_a_step
from tests.waits import Watch

pytestmark = pytest.mark.usefixtures("environment")

FEW, MANY = 3, 13  # objects in each image
# mmdet's code there works object by object, on the host: Gaussian mixtures, masks as arrays.
BY_OBJECT = {
    "paa": "mmdet/models/dense_heads/paa_head.py",
    "solov2": "mmdet/models/dense_heads/solov2_head.py",
}
DENSE = ["retinanet", "atss", "fcos", "foveabox", "gfl", "yolact", "paa", "solov2"]
TWO_STAGE = ["faster-rcnn", "cascade-rcnn", "mask-rcnn"]


@pytest.fixture(autouse=True)
def gpu_path(monkeypatch):
    monkeypatch.setattr("rankdet.losses.device.on_cpu", lambda values: False)
    monkeypatch.setattr("rankdet.training.cost.OBJECTS", 7)  # restored: `count` changes it
    monkeypatch.setenv("RANKDET_OPS", "pytorch")
    monkeypatch.setenv("RANKDET_KERNELS", "off")  # there is no GPU for them


@pytest.mark.parametrize(
    "detector", ["retinanet", "atss", "fcos", "foveabox", "paa", "gfl", "yolact"]
)
@pytest.mark.parametrize("loss", ["ALRPLoss", "RankSortLoss"])
def test_a_dense_head_waits_once(detector, loss):
    card = {**ALRP, "classification": {"type": loss}}
    found = waits_of_a_step(build(small_config(detector, card)), *batch())
    own = {place: times for place, times in found.items() if place.startswith("rankdet/")}
    images = own.pop(next((p for p in own if "/assigners.py" in p), ""), 0)
    assert images in (0, 4)  # positives and negatives of each of two images
    if detector == "yolact":  # labels for mmdet's semantic branch
        assert own.pop(next(place for place in own if "/yolact.py" in place)) == 1
    loss = [own.pop(place) for place in list(own) if "/losses/device.py" in place]
    assert sum(loss) <= 1, found
    assert list(own.values()) == [1], found


@pytest.mark.parametrize("detector", [*DENSE, *TWO_STAGE])
def test_the_waits_do_not_grow_with_the_objects(detector):
    few, many = (count(detector, "rs", objects) for objects in (FEW, MANY))
    added = (MANY - FEW) * SIZES["batch_size"]
    growing = {place.partition(":")[0] for place in many if many[place] - few[place] >= added}
    assert growing == {BY_OBJECT[detector]} if detector in BY_OBJECT else not growing
    if detector in DENSE and detector not in BY_OBJECT:
        assert many == few


def test_a_step_of_a_training_with_samplers_does_not_grow():
    few, many = (count("faster-rcnn", "ce+l1", objects) for objects in (FEW, MANY))
    assert all(many[place] - few[place] < (MANY - FEW) * SIZES["batch_size"] for place in many)


def test_roi_align_reads_the_sizes_of_all_groups_at_once():
    found = count("faster-rcnn", "ce+l1", 7)
    pooled = sum(times for place, times in found.items() if "/ops/windows.py" in place)
    assert 0 < pooled <= 3 * 4  # forward twice, backward once, for each of four levels


def names_of(call):
    watch = Watch()
    with PretendedGpu(watch), watch:
        call()
    return watch.seen


ON = on_gpu(torch.arange(4.0))
MASK, INDEX = torch.tensor([True, False, True, False]), torch.tensor([0, 2])


@pytest.mark.parametrize(
    ("call", "waits"),
    [
        (lambda: ON.sum().item(), 1),
        (lambda: ON.max() > 2 and None, 1),
        (lambda: ON[on_gpu(MASK)], 1),
        (lambda: ON.clone().masked_fill_(on_gpu(MASK), 1), 0),
        (lambda: ON.clone().__setitem__(on_gpu(MASK), 1), 0),  # filled in
        (lambda: ON.clone().__setitem__(on_gpu(MASK), ON[:2]), 1),
        (lambda: ON[INDEX], 1),
        (lambda: ON[[0, 2]], 1),
        (lambda: ON[on_gpu(INDEX)], 0),
        (lambda: ON.cpu(), 1),
        (lambda: ON.tolist(), 1),
        (lambda: ON.to(INDEX.device), 1),
        (lambda: INDEX.to(ON), 1),
        (lambda: INDEX.to(ON.device, non_blocking=True), 0),
        (lambda: INDEX.tolist() and INDEX[0].item(), 0),
        (lambda: ON.to(ON.device), 0),
        (lambda: torch.tensor(1.0, device=ON.device), 1),
        (lambda: torch.tensor(1.0), 0),
        (lambda: torch.full((), 1.0, device=ON.device), 0),
        (lambda: torch.zeros(2, device=ON.device)[0].item(), 1),
        (lambda: ON.new_tensor([1.0]), 1),
        (lambda: ON.new_full((), 1.0), 0),
        (lambda: ON.repeat_interleave(on_gpu(torch.ones(4, dtype=torch.int64))), 1),
        (lambda: ON.unique_consecutive(), 1),
    ],
)
def test_copies_and_readings_are_seen(call, waits):
    assert len(names_of(call)) == waits
