"""mmdet's registry and mmcv's operations, which the tests of this folder import at their top."""

from rankdet.training.environment import set_up

set_up({"threads": 1, "device": "cpu"})
