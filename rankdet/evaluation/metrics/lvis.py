"""LVIS: which detections count if each image is annotated only for some categories.

Gupta et al., "LVIS: A Dataset for Large Vocabulary Instance Segmentation", CVPR 2019, section 4.
"""

import numpy as np

from rankdet.evaluation.coco.types import Detections, GroundTruth, Ints


def federated_rows(ground_truth: GroundTruth, detections: Detections, limit: int) -> Ints:
    """Returns the best detections of each image, of the classes for which it is annotated.

    Args:
        ground_truth: federated annotations.
        detections: the detections.
        limit: detections per image, over all classes.

    Returns:
        Their rows, ascending.
    """
    order = np.lexsort((-detections.score, detections.image))
    order = order[rank_in_group(detections.image[order]) < limit]
    present = _groups(ground_truth, ground_truth.category, ground_truth.image)
    federated = ground_truth.federated
    assert federated is not None
    annotated = np.union1d(present, _listed(ground_truth, federated.negative))
    group = _groups(ground_truth, detections.category[order], detections.image[order])
    return np.sort(order[np.isin(group, annotated)])


def open_groups(ground_truth: GroundTruth) -> Ints:
    """Returns the groups (category x images + image) that are not annotated exhaustively."""
    assert ground_truth.federated is not None
    return _listed(ground_truth, ground_truth.federated.not_exhaustive)


def rank_in_group(group: Ints) -> Ints:
    """Returns the position, from 0, of each element in its run of equal values (sorted `group`)."""
    if len(group) == 0:
        return np.zeros(0, dtype=np.int64)
    starts = np.flatnonzero(np.r_[True, group[1:] != group[:-1]])
    return np.arange(len(group)) - np.repeat(starts, np.diff(np.r_[starts, len(group)]))


def _listed(ground_truth: GroundTruth, lists: list[list[int]]) -> Ints:
    image = np.repeat(np.arange(len(lists)), [len(ids) for ids in lists])
    ids = np.array([i for one in lists for i in one], dtype=np.int64)
    known = np.isin(ids, ground_truth.category_ids)
    category = np.searchsorted(ground_truth.category_ids, ids[known])
    return _groups(ground_truth, category, image[known])


def _groups(ground_truth: GroundTruth, category: Ints, image: Ints) -> Ints:
    return np.asarray(category * max(len(ground_truth.image_ids), 1) + image)
