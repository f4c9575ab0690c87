"""The course of a training: its length, its learning rates, and whether a longer one begins alike.

A finished training goes on to more epochs only if a training of all epochs would have had the same
rates so far. Everything else must be equal, too; see decision 053.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Keys of a schedule that say how long a training is. Rates may depend on them.
LENGTH = ("epochs", "iterations", "stop_after", "lr_steps")
RATES = ("warmup", "warmup_ratio", "lr_policy")


def epochs_and_iterations(schedule: Mapping[str, Any], epoch_length: int) -> tuple[int, int]:
    """Returns the number of epochs and their iterations.

    A schedule in iterations is rounded up to whole epochs, because self-balance and checkpoints
    happen at the end of an epoch.
    """
    if schedule.get("epochs"):
        epochs = int(schedule["epochs"])
    else:
        epochs = math.ceil(schedule["iterations"] / epoch_length)
    return epochs, epochs * epoch_length


def last_epoch(schedule: Mapping[str, Any], epochs: int) -> int:
    """Returns the epoch after which training ends: the last, or earlier with `stop_after`.

    The learning rate follows the schedule of the whole training. So a run with `stop_after` equals
    the first part of the whole training.
    """
    part = schedule.get("stop_after")
    # minus .001, so that rounding errors do not add an epoch: 1/3 of 12 epochs is 4
    return epochs if part is None else max(1, math.ceil(part * epochs - 1e-3))


def lr_schedule(schedule: Mapping[str, Any], iterations: int) -> list[dict[str, Any]]:
    """Returns linear warm-up, then steps by .1 at fractions of the training, or a cosine.

    Args:
        schedule: The run's schedule; `warmup`, `warmup_ratio`, `lr_policy` and `lr_steps` are read.
        iterations: Length of the whole training.
    """
    warmup = min(int(schedule.get("warmup", 0)), iterations)
    parts: list[dict[str, Any]] = []
    if warmup:
        parts.append(
            {
                "type": "LinearLR",
                "start_factor": schedule.get("warmup_ratio", 0.001),
                "by_epoch": False,
                "begin": 0,
                "end": warmup,
            }
        )
    if schedule.get("lr_policy") == "cosine":
        cosine = {"type": "CosineAnnealingLR", "by_epoch": False, "T_max": iterations}
        return [*parts, {**cosine, "eta_min": 0.0, "begin": 0, "end": iterations}]
    steps = [round(fraction * iterations) for fraction in schedule.get("lr_steps", ())]
    if steps:
        parts.append({"type": "MultiStepLR", "by_epoch": False, "milestones": steps, "gamma": 0.1})
    return parts


@dataclass(frozen=True)
class Course:
    """How long a training is, and its rates.

    Attributes:
        schedule: The keys `LENGTH` and `RATES` of its schedule that are given.
        epoch_length: Iterations of an epoch.
    """

    schedule: Mapping[str, Any]
    epoch_length: int

    @classmethod
    def of(cls, schedule: Mapping[str, Any], epoch_length: int) -> "Course":
        """Returns the course of a run's schedule."""
        return cls({k: schedule[k] for k in LENGTH + RATES if k in schedule}, epoch_length)

    @property
    def epochs(self) -> int:
        """The epochs after which it ends."""
        epochs, _ = epochs_and_iterations(self.schedule, self.epoch_length)
        return last_epoch(self.schedule, epochs)

    @property
    def iterations(self) -> int:
        """The iterations after which it ends."""
        return self.epochs * self.epoch_length

    def is_known(self) -> bool:
        """Whether its length and rates follow from the schedule, which may come from a file."""
        try:
            self.rates(self.iterations)
        except (ArithmeticError, LookupError, TypeError, ValueError):
            return False
        return True

    def rates(self, done: int) -> dict[str, Any]:
        """Returns what decides the rates of the first `done` iterations, by the keys behind it."""
        _, iterations = epochs_and_iterations(self.schedule, self.epoch_length)
        found: dict[str, Any] = {}
        for part in lr_schedule(self.schedule, iterations):
            kind = part["type"]
            if kind == "MultiStepLR":
                # After iteration n the rate of iteration n + 1 is set.
                found["lr_steps"] = [step for step in part["milestones"] if step < done]
            elif kind == "LinearLR":
                found["warmup"] = part["end"]
            else:
                found["lr_policy"] = part["T_max"]
        return {"lr_steps": [], **found}

    def objection(self, longer: "Course", epoch: int) -> str | None:
        """Returns why another course does not begin like this one, in words; None if it does.

        Args:
            longer: The other one.
            epoch: The epochs of this one that are done.
        """
        if longer.epochs <= epoch:
            return f"it ends after epoch {longer.epochs}, and epoch {epoch} is done"
        done = epoch * self.epoch_length
        ours, theirs = self.rates(done), longer.rates(done)
        if ours.get("lr_policy") != theirs.get("lr_policy"):
            return "with lr_policy: cosine every rate depends on the length of the training"
        if ours.get("warmup") != theirs.get("warmup"):
            return "the warm-up was as long as the shorter training, and would last longer"
        if ours["lr_steps"] != theirs["lr_steps"]:
            words = [_listed(rates["lr_steps"]) for rates in (ours, theirs)]
            return (
                f"lr_steps: the rate fell {words[0]} in the first {done} iterations, and would "
                f"fall {words[1]}; fractions of the training that give the same steps keep them"
            )
        return None


def _listed(steps: list[int]) -> str:
    return f"after {', '.join(map(str, steps))}" if steps else "nowhere"


def read_course(state: Mapping[str, Any]) -> tuple[Course, str] | None:
    """Returns the course in the state of a training, and what else it was made of.

    Args:
        state: The content of `state.json` in `work/` or `last/`.

    Returns:
        None if it has none, as that of an old version, or it is damaged.
    """
    found = state.get("course")
    if not isinstance(found, Mapping):
        return None
    schedule, length, rest = (found.get(key) for key in ("schedule", "epoch_length", "rest"))
    if not isinstance(schedule, Mapping) or not isinstance(length, int) or length < 1:
        return None
    if not (isinstance(rest, str) and rest):
        return None
    course = Course(schedule, length)
    return (course, rest) if course.is_known() else None


def objection(
    state: Mapping[str, Any], schedule: Mapping[str, Any], rest: str, epoch: int
) -> str | None:
    """Returns why a training cannot go on under another schedule, in words; None if it can.

    Args:
        state: As in `read_course`.
        schedule: The schedule of the training that is to be made.
        rest: The hash of its settings apart from `LENGTH`.
        epoch: The epochs that are done.

    Returns:
        An empty text if more than the length differs: then nobody expects that it goes on.
    """
    found = read_course(state)
    if found is None or not rest or found[1] != rest:
        return ""
    return found[0].objection(Course.of(schedule, found[0].epoch_length), epoch)
