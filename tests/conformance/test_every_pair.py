"""Each compatible pair of detector and loss has gradients everywhere, also without objects."""

import pytest

from rankdet.errors import InputError
from tests.conformance.every_pair import every_pair, objection, plan, refused_pairs, spec
from tests.conformance.iterations import check


@pytest.mark.parametrize(("detector", "loss"), every_pair())
def test_pair_trains(detector, loss, tiny_shapes):
    check(spec(detector, loss, tiny_shapes))


@pytest.mark.parametrize(("detector", "loss"), refused_pairs())
def test_an_incompatible_pair_is_reported_with_its_reason(detector, loss):
    with pytest.raises(InputError) as caught:
        plan(detector, loss)
    assert objection(detector, loss) in str(caught.value)
    assert "\n" not in str(caught.value)
