"""The description of one metric. `rankdet.evaluation.metric_list` has all metrics."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, TypeVar, cast

from rankdet.errors import InputError
from rankdet.evaluation.units import in_digits, scaled

# Where a metric can be shown.
LEADERBOARD = "leaderboard"  # leaderboard.csv and the first page of the report
RUN = "run"  # a run's page
CLASSES = "classes"  # the table of classes on a run's page
SPARSITY = "sparsity"  # the table of objects per image on a run's page
SWEEP = "sweep"  # the table of score thresholds on a run's page
COMPARE = "compare"  # comparison pages, and `rankdet compare` by default
EVALUATE = "evaluate"  # the output of `rankdet evaluate`
MASKS = "masks"  # leaderboard and sweep show the values for masks and for boxes
PLACES = (LEADERBOARD, RUN, CLASSES, SPARSITY, SWEEP, COMPARE, EVALUATE, MASKS)

HIGHER, LOWER = "higher", "lower"
PERCENT = 100.0  # scale of a rate in [0, 1] that is printed in percent
FAMILIES = ("ap", "olrp", "correlation")  # metrics whose intervals are drawn together

Key = TypeVar("Key")


RECORDED_TIMES = ("training.seconds", "speed.")  # how keys of times of single runs begin
CALIBRATION_ERRORS = ("D_ECE", "LaECE")


def without_best(key: str) -> bool:
    """Returns whether no value or difference of a metric is bold, in any table.

    A time does not rank losses (`is_time`). A calibration error is a mean over all detections, most
    of which are background: a model whose scores are all low has a small one.
    """
    return is_time(key) or key.rpartition(".")[2] in CALIBRATION_ERRORS


def is_time(key: str) -> bool:
    """Returns whether a metric is a time of a training or an inference: it is not tested either.

    It depends on the other jobs of the machine, which seeds do not average out.
    """
    return key.startswith(RECORDED_TIMES)


def arrow(better: str | None) -> str:
    """Returns ↑ if higher is better, ↓ if lower is better, else an empty text."""
    return {HIGHER: "↑", LOWER: "↓"}.get(better or "", "")


def best(values: Mapping[Key, float | None], better: str | None, decimals: int) -> set[Key]:
    """Returns the keys of the best value as printed; several for a tie.

    Args:
        values: Values in printed units; None where undefined.
        better: "higher", "lower", or None if neither direction is better.
        decimals: Digits printed after the point.

    Returns:
        Empty if fewer than two values are defined, or neither direction is better.
    """
    known = {key: round(value, decimals) for key, value in values.items() if value is not None}
    if len(known) < 2 or better is None:
        return set()
    top = max(known.values()) if better == HIGHER else min(known.values())
    return {key for key, value in known.items() if value == top}


@dataclass(frozen=True)
class Metric:
    """One metric: where its value is stored, what it means, how and where it is shown.

    Attributes:
        key: Its name in the records, such as `AP50`.
        header: Its name in tables and on pages.
        meaning: One plain sentence for the reading page and the documentation.
        group: A key of `rankdet.evaluation.metric_list.GROUPS`.
        better: "higher", "lower", or None if neither direction is better.
        scale: Factor from the record's unit to the printed one: 100 for AP.
        decimals: Digits printed after the point.
        interval: The bootstrap family that gives its interval over images: "ap", "olrp" or
            "correlation"; None if it has no interval.
        shown: The places that show it, of `PLACES`.
        path: Keys that lead to its value in a record; by default `metrics`, then its key. Empty
            for a value that exists only per class.
        compute: "module:function" for a metric that is computed from the matches alone. The
            function takes `Matches` and returns the value (None where undefined), or a mapping of
            category id to value; the metric is then the mean over the classes where it is defined.
    """

    key: str
    header: str
    meaning: str
    group: str
    better: str | None
    scale: float = 1.0
    decimals: int = 2
    interval: str | None = None
    shown: tuple[str, ...] = (LEADERBOARD, RUN, EVALUATE)
    path: tuple[str, ...] | None = None
    compute: str = ""

    @property
    def arrow(self) -> str:
        """↑ if higher is better, ↓ if lower is better, else empty."""
        return arrow(self.better)

    @property
    def steps(self) -> tuple[str, ...]:
        """The keys that lead to its value in a record."""
        return ("metrics", self.key) if self.path is None else self.path

    @property
    def limits(self) -> tuple[float, float]:
        """The lowest and highest possible value in the record's unit; infinite where unknown."""
        if self.compute or not self.group:  # of a user, or of another version
            return (-math.inf, math.inf)
        if self.interval == "correlation":
            return (-1.0, 1.0)
        return (0.0, 1.0 if self.scale == PERCENT else math.inf)

    def is_in(self, record: Mapping[str, Any]) -> bool:
        """Whether a record has this metric; its value may be undefined."""
        return bool(self.steps) and self.steps[-1] in self._room(record)

    def value(self, record: Mapping[str, Any]) -> Any:
        """Its value in a record, in the record's unit; None where undefined or missing."""
        return self._room(record).get(self.steps[-1]) if self.steps else None

    def scaled(self, value: Any) -> float | None:
        """Converts a value of this metric to printed units; None where undefined."""
        return scaled(value, self.scale)

    def text(self, value: Any) -> str:
        """Returns a value of this metric as printed; – where undefined."""
        number = self.scaled(value)
        return "–" if number is None else in_digits(number, self.decimals)

    def printed(self, values: Mapping[str, Any]) -> float | None:
        """Its value in a mapping of keys to values, in printed units; None where undefined."""
        return self.scaled(values.get(self.key))

    def of_masks(self) -> "Metric":
        """Returns the same metric for masks, for a table that shows boxes and masks.

        It has no interval, because a run keeps only the matches of its boxes.
        """
        return replace(self, key=f"segm.{self.key}", header=f"mask {self.header}", interval=None)

    def function(self) -> Callable[[Any], Any]:
        """Imports the function that `compute` names.

        Raises:
            InputError: If `compute` does not name a function.
        """
        module, _, name = self.compute.partition(":")
        try:
            return cast(Callable[[Any], Any], getattr(import_module(module), name))
        except (ImportError, AttributeError, ValueError) as error:
            raise InputError(
                f"metric {self.key!r}: {self.compute!r} cannot be imported ({error}); "
                'compute must be "module:function"'
            ) from error

    def _room(self, record: Mapping[str, Any]) -> Mapping[str, Any]:
        found: Any = record
        for step in self.steps[:-1]:
            found = found.get(step) if isinstance(found, Mapping) else None
        return found if isinstance(found, Mapping) else {}
