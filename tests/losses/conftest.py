"""What the tests of the fused kernels share."""

import pytest

from rankdet.losses import device
from tests.losses.ranking import evaluate


@pytest.fixture(scope="module")
def small_blocks():
    """Uses the fused kernels, with blocks so small that few elements need several of them."""
    pytest.importorskip("triton", reason="needs Triton (Linux only; `make test` installs it)")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(device.KERNELS, "on")
        from rankdet.losses.kernels import ape_loss, ape_tiles, step_losses

        for module in (step_losses, ape_loss, ape_tiles):
            patch.setattr(module, "block_of", lambda n: 128)
            patch.setattr(module, "collected_of", lambda n: 128)
        patch.setattr(step_losses, "TILE", {"ROWS": 8, "COLUMNS": 16})
        patch.setattr(ape_tiles, "ROWS", 8)
        patch.setattr(ape_tiles, "COLUMNS", 64)
        patch.setattr(ape_tiles, "MOST_PARTS", 2)
        patch.setattr(ape_loss, "ROWS", 64)
        patch.setattr(ape_loss, "COLUMNS", 16)
        patch.setattr(ape_loss, "BLOCK", 64)
        patch.setattr(ape_loss, "BINS", 64)
        patch.setattr(ape_loss, "PROGRAMS", 3)
        yield


@pytest.fixture
def plain():
    """Returns a function that evaluates a loss without the kernels."""

    def call(*args, **options):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(device.KERNELS, "off")
            return evaluate(*args, **options)

    return call
