"""Counting sorts are NumPy's stable sorts."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rankdet.evaluation.metrics.sorting import Groups, by_group, lexical_order, places

COUNTS = st.integers(1, 60)
KEYS = COUNTS.flatmap(lambda n: arrays(np.int64, (3, n), elements=st.integers(0, 9)))


@given(KEYS)
def test_the_order_is_that_of_numpy(keys):
    np.testing.assert_array_equal(lexical_order(*keys), np.lexsort(keys))
    order, starts = by_group(keys[0], 12)
    np.testing.assert_array_equal(order, np.argsort(keys[0], kind="stable"))
    np.testing.assert_array_equal(np.diff(starts), np.bincount(keys[0], minlength=12))
    np.testing.assert_array_equal(places(order)[order], np.arange(len(order)))


@given(KEYS)
def test_an_order_before_decides_between_equal_keys(keys):
    before = np.lexsort(keys[:1])
    np.testing.assert_array_equal(lexical_order(keys[1], keys[2], order=before), np.lexsort(keys))


def test_without_elements_the_order_is_empty():
    empty = np.zeros(0, dtype=np.int64)
    assert len(lexical_order(empty, empty)) == 0


@given(
    COUNTS.flatmap(lambda n: arrays(np.float64, (2, n), elements=st.sampled_from([-1, -0.0, 0, 2])))
)
def test_groups_are_the_distinct_values_and_pairs(values):
    x, y = (Groups.of_values(one) for one in values)
    _, group, size = np.unique(values[0], return_inverse=True, return_counts=True)
    np.testing.assert_array_equal(x.group, group)
    np.testing.assert_array_equal(np.diff(x.starts), size)
    both = Groups.of_pairs(x, y)
    np.testing.assert_array_equal(both.order, np.lexsort((y.group, x.group)))
    _, group, size = np.unique(values.T + 0.0, axis=0, return_inverse=True, return_counts=True)
    np.testing.assert_array_equal(both.group, group.ravel())
    np.testing.assert_array_equal(np.diff(both.starts), size)
