"""On a GPU a head waits once, for the number of positives, and its loss at most once more."""

import pytest

from tests.detectors.batches import ALRP, batch, build, small_config
from tests.waits import Watch

pytestmark = pytest.mark.usefixtures("environment")


def own_waits(model):
    """Returns the lines in `rankdet/detectors` and `rankdet/losses` at which the host waits."""
    with Watch() as watch:
        total, _ = model.parse_losses(model.loss(*batch()))
        total.backward()
    folders = ("/rankdet/detectors/", "/rankdet/losses/")
    return [caller for caller in watch.callers if any(folder in caller for folder in folders)]


@pytest.mark.parametrize("detector", ["retinanet", "atss", "fcos", "paa", "gfl", "yolact"])
@pytest.mark.parametrize("loss", ["ALRPLoss", "RankSortLoss"])
def test_a_dense_head_waits_once(detector, loss, monkeypatch):
    monkeypatch.setattr("rankdet.losses.device.on_cpu", lambda values: False)
    card = {**ALRP, "classification": {"type": loss}}
    found = own_waits(build(small_config(detector, card)))
    head = [caller for caller in found if "/rankdet/detectors/" in caller]
    loss = [caller for caller in found if "/rankdet/losses/device.py" in caller]
    assert len(head) == 1, found
    assert len(loss) <= 1, found
    assert len(head) + len(loss) == len(found), found
