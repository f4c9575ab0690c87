"""NMS, soft-NMS and NMS with matching, against loops over single boxes."""

import importlib

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rankdet.detectors import ops
from rankdet.detectors.ops import nms as our_nms
from rankdet.detectors.ops import vision

ops.install()
mmcv_ops = importlib.import_module("mmcv.ops")
pytestmark = pytest.mark.usefixtures("backend")

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
F32 = np.float32


def slow_iou(a, b, offset):
    a, b, offset = [F32(v) for v in a], [F32(v) for v in b], F32(offset)
    width = max(F32(0), min(a[2], b[2]) - max(a[0], b[0]) + offset)
    height = max(F32(0), min(a[3], b[3]) - max(a[1], b[1]) + offset)
    inter = width * height
    areas = [(c[2] - c[0] + offset) * (c[3] - c[1] + offset) for c in (a, b)]
    union = areas[0] + areas[1] - inter
    return F32(0) if union == 0 else inter / union


def slow_nms(boxes, scores, threshold, offset=0, inclusive=False):
    """Groups of indices: each kept box with the boxes it drops."""
    boxes = boxes.tolist()
    left = torch.as_tensor(scores).sort(descending=True)[1].tolist()
    groups = []
    while left:
        first, *others = left
        group, left = [first], []
        for other in others:
            iou = slow_iou(boxes[first], boxes[other], offset)
            drop = iou >= F32(threshold) if inclusive else iou > F32(threshold)
            (group if drop else left).append(other)
        groups.append(group)
    return groups


def slow_soft_nms(boxes, scores, threshold, sigma, min_score, method, offset):
    """One list of candidates; the best moves to the front, the last fills a dropped one's place."""
    todo = [[i, F32(s), b] for i, (b, s) in enumerate(zip(boxes.tolist(), scores, strict=True))]
    done = []
    while todo:
        best = max(range(len(todo)), key=lambda i: (todo[i][1], -i))
        todo[0], todo[best] = todo[best], todo[0]
        box = todo.pop(0)
        done.append(box)
        position = 0
        while position < len(todo):
            iou = slow_iou(box[2], todo[position][2], offset)
            if method == "gaussian":
                todo[position][1] *= F32(np.exp(-(iou * iou) / F32(sigma)))
            elif iou >= F32(threshold):
                todo[position][1] *= F32(0) if method == "naive" else F32(1) - iou
            if todo[position][1] < F32(min_score):
                todo[position] = todo[-1]
                todo.pop()
            else:
                position += 1
    return [d[0] for d in done], [float(d[1]) for d in done]


def random_boxes(n, seed, spread=40.0):
    generator = torch.Generator().manual_seed(seed)
    corner = torch.rand(n, 2, generator=generator) * spread
    size = torch.rand(n, 2, generator=generator) * 15
    return torch.cat([corner, corner + size], 1), torch.rand(n, generator=generator)


# A coarse grid makes ties in score, equal boxes, touching boxes, empty and inverted boxes, and
# overlaps that equal the threshold exactly.
grid_boxes = st.lists(
    st.tuples(*[st.integers(0, 4)] * 2, *[st.integers(-1, 4)] * 2, st.integers(0, 3)),
    min_size=1,
    max_size=24,
)


def from_grid(rows):
    table = torch.tensor(rows, dtype=torch.float32)
    boxes = torch.cat([table[:, :2], table[:, :2] + table[:, 2:4]], 1)
    return boxes, table[:, 4] / 4


@settings(max_examples=150, deadline=None)
@given(grid_boxes, st.sampled_from([0.0, 0.2, 0.25, 1 / 3, 0.5, 0.6, 0.7, 1.0]), st.integers(0, 1))
def test_nms_equals_the_loop_on_ties_and_degenerate_boxes(rows, threshold, offset):
    boxes, scores = from_grid(rows)
    dets, kept = mmcv_ops.nms(boxes, scores, threshold, offset=offset)
    assert kept.tolist() == [g[0] for g in slow_nms(boxes, scores, threshold, offset)]
    assert torch.equal(dets, torch.cat([boxes, scores[:, None]], 1)[kept])


@settings(max_examples=100, deadline=None)
@given(grid_boxes, st.sampled_from([0.25, 1 / 3, 0.5, 0.6, 1.0]))
def test_nms_match_equals_the_loop(rows, threshold):
    boxes, scores = from_grid(rows)
    groups = mmcv_ops.nms_match(torch.cat([boxes, scores[:, None]], 1), threshold)
    assert [g.tolist() for g in groups] == slow_nms(boxes, scores, threshold, inclusive=True)


@settings(max_examples=150, deadline=None)
@given(
    grid_boxes,
    st.sampled_from(["naive", "linear", "gaussian"]),
    st.integers(0, 1),
    st.sampled_from([0.0, 0.05, 0.3]),
)
def test_soft_nms_equals_the_loop(rows, method, offset, min_score):
    boxes, scores = from_grid(rows)
    dets, kept = mmcv_ops.soft_nms(boxes, scores, 0.3, 0.5, min_score, method, offset)
    indices, new = slow_soft_nms(boxes, scores, 0.3, 0.5, min_score, method, offset)
    assert kept.tolist() == indices
    assert torch.equal(dets[:, :4], boxes[kept])
    assert dets[:, 4].tolist() == pytest.approx(new, rel=1e-6)


def test_touching_boxes_do_not_overlap_and_with_offset_1_they_do():
    boxes = torch.tensor([[0.0, 0, 4, 4], [4.0, 0, 8, 4]])
    scores = torch.tensor([0.9, 0.8])
    assert mmcv_ops.nms(boxes, scores, 0.01, offset=0)[1].tolist() == [0, 1]
    assert mmcv_ops.nms(boxes, scores, 0.01, offset=1)[1].tolist() == [0]


def test_an_iou_equal_to_the_threshold_is_kept_by_nms_and_taken_by_nms_match():
    boxes = torch.tensor([[0.0, 0, 10, 10], [0.0, 0, 10, 6]])  # IoU .6, not exact in float32
    scores = torch.tensor([0.9, 0.8])
    assert mmcv_ops.nms(boxes, scores, 0.6)[1].tolist() == [0, 1]
    dets = torch.cat([boxes, scores[:, None]], 1)
    assert [g.tolist() for g in mmcv_ops.nms_match(dets, 0.6)] == [[0, 1]]


def test_no_boxes():
    nothing = torch.zeros(0, 4), torch.zeros(0)
    assert mmcv_ops.nms(*nothing, 0.5)[1].shape == (0,)
    assert mmcv_ops.soft_nms(*nothing)[1].shape == (0,)
    assert mmcv_ops.nms_match(torch.zeros(0, 5), 0.5) == []
    dets, kept = mmcv_ops.batched_nms(*nothing, torch.zeros(0), None)
    assert dets.shape == (0, 5) and kept.shape == (0,)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("offset", [0, 1])
def test_many_boxes_across_blocks_tiles_and_parts(device, offset, monkeypatch):
    boxes, scores = random_boxes(300, seed=3, spread=200.0)
    scores = (scores * 20).floor() / 20  # ties
    expected = [g[0] for g in slow_nms(boxes, scores, 0.3, offset)]
    monkeypatch.setattr(our_nms, "BLOCK", {"cpu": 7, "cuda": 7})
    monkeypatch.setattr(our_nms, "TILE", 64)
    monkeypatch.setattr(our_nms, "PART", 10)
    kept = mmcv_ops.nms(boxes.to(device), scores.to(device), 0.3, offset=offset)[1]
    if device == "cpu":
        assert kept.tolist() == expected
    else:  # a GPU may put tied scores in another order
        assert len(kept) > 0 and scores[kept.cpu()].diff().max() <= 0


def test_batched_nms_is_nms_in_each_class():
    boxes, scores = random_boxes(200, seed=1)
    classes = torch.arange(200) % 7
    config = {"type": "nms", "iou_threshold": 0.4}
    kept = mmcv_ops.batched_nms(boxes, scores, classes, config)[1]
    expected = []
    for label in range(7):
        members = (classes == label).nonzero().squeeze(1)
        expected += [members[g[0]].item() for g in slow_nms(boxes[members], scores[members], 0.4)]
    assert sorted(kept.tolist()) == sorted(expected)
    assert scores[kept].diff().max() <= 0


def test_boxes_of_different_classes_are_not_compared(backend, monkeypatch):
    if backend == "torchvision":
        pytest.skip("counts the pairs of the PyTorch version")
    pairs = []
    overlap = our_nms.overlaps
    monkeypatch.setattr(
        our_nms,
        "overlaps",
        lambda a, b, *rest: pairs.append(len(a) * len(b)) or overlap(a, b, *rest),
    )
    boxes, scores = random_boxes(4000, seed=2)
    classes = torch.arange(4000) % 80
    mmcv_ops.batched_nms(boxes, scores, classes, {"type": "nms", "iou_threshold": 0.5})
    assert sum(pairs) < 4000**2 / 5


def test_score_threshold_max_num_and_numpy_input():
    boxes, scores = random_boxes(50, seed=4)
    groups = slow_nms(boxes, scores, 0.5)
    expected = [g[0] for g in groups if scores[g[0]] > 0.4][:5]
    dets, kept = mmcv_ops.nms(boxes.numpy(), scores.numpy(), 0.5, score_threshold=0.4, max_num=5)
    assert isinstance(kept, np.ndarray) and isinstance(dets, np.ndarray)
    assert kept.tolist() == expected


def test_half_precision_boxes_are_compared_in_float32():
    boxes, scores = random_boxes(60, seed=5)
    boxes, scores = boxes.half(), scores.half()
    expected = [g[0] for g in slow_nms(boxes.float(), scores, 0.5)]
    assert mmcv_ops.nms(boxes, scores, 0.5)[1].tolist() == expected


def test_a_box_that_is_not_a_number_drops_nothing():
    boxes = torch.tensor([[0.0, 0, 4, 4], [float("nan")] * 4, [0.0, 0, 4, 4], [9.0, 9, 12, 12]])
    scores = torch.tensor([0.5, 0.9, 0.4, 0.3])
    assert mmcv_ops.nms(boxes, scores, 0.5)[1].tolist() == [1, 0, 3]


def test_torchvision_cannot_reorder_ties(monkeypatch):
    """A kernel that breaks ties backwards and compares in double must not change the result."""

    class Kernels:
        @staticmethod
        def nms(boxes, scores, threshold):
            backwards = scores.flip(0).sort(descending=True, stable=True)[1]
            order = len(scores) - 1 - backwards
            kept = []
            for i in order.tolist():
                overlaps = (slow_iou(boxes[i].tolist(), boxes[j].tolist(), 0) for j in kept)
                if not any(float(iou) > threshold for iou in overlaps):
                    kept.append(i)
            return torch.tensor(kept)

    monkeypatch.setattr(vision, "kernels", lambda: Kernels)
    boxes = torch.tensor([[0.0, 0, 10, 10], [0.0, 0, 10, 6], [0.0, 0, 10, 10], [50, 50, 60, 60.0]])
    scores = torch.full((4,), 0.5)
    expected = [g[0] for g in slow_nms(boxes, scores, 0.6)]
    assert mmcv_ops.nms(boxes, scores, 0.6)[1].tolist() == expected
