"""The parts of the check, in their order."""

import importlib
from collections.abc import Callable, Generator
from dataclasses import dataclass

from rankdet.gpu_check.budget import Context
from rankdet.training.attempts import Row


@dataclass(frozen=True)
class PartOfCheck:
    """A part.

    Attributes:
        name: What `--parts` calls it.
        title: For readers.
        share: Its share of the time; what a part leaves goes to the parts after it.
        module: The module with its function.
        function: Takes a `Context` and yields rows.
        needs_mmdet: Whether mmdet must be set up first.
    """

    name: str
    title: str
    share: float
    module: str
    function: str = "rows"
    needs_mmdet: bool = True

    def load(self) -> Callable[[Context], Generator[Row, None, None]]:
        """Returns the function of the part."""
        module = importlib.import_module(f"rankdet.gpu_check.{self.module}")
        found: Callable[[Context], Generator[Row, None, None]] = getattr(module, self.function)
        return found


PARTS = {
    part.name: part
    for part in (
        PartOfCheck(
            "correctness", "Losses on the device and on the host", 50, "correctness", "rows", False
        ),
        PartOfCheck("losses", "Time of the losses", 90, "loss_times", "rows", False),
        PartOfCheck("iterations", "Time of a training iteration", 150, "iteration_times"),
        PartOfCheck("loader", "Time of the loader", 20, "loader_times"),
        PartOfCheck("modes", "Precision and compilation", 70, "trainings", "modes"),
        PartOfCheck("trainings", "Small trainings", 120, "trainings"),
    )
}
