"""Which jobs are tried again after SLURM has ended them, and how often."""

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, field

# How often a job goes on after each end. A training that meets its time limit resumes, so this is
# not a failure: it goes on as long as it gets further.
TRIES = {
    "NODE_FAIL": 10,
    "BOOT_FAIL": 10,
    "PREEMPTED": 100,
    "CANCELLED": 1,  # a second time, the user means it
    "OUT_OF_MEMORY": 2,  # with more memory each time
    "DEADLINE": 0,
    "FAILED": 0,  # an error of the job: it would happen again
    "REFUSED": 0,  # SLURM has not taken the job
    "BUSY": 5,  # SLURM could not take the job at that moment
    "": 3,  # SLURM does not know the job any more
}
BUSY_WORDS = (
    "timed out", "unable to contact", "temporarily", "connection refused", "zero bytes",
    "submitlimit", "submit limit",
)  # fmt: skip


def refusal(message: str) -> str:
    """Returns `BUSY` if the same submission may succeed later, else `REFUSED`."""
    return "BUSY" if any(word in message.lower() for word in BUSY_WORDS) else "REFUSED"


@dataclass
class Tries:
    """Counts how often jobs were ended, and by what.

    Attributes:
        least: The smallest progress that counts, as a job's last value of `progress`.
    """

    _ends: Counter[tuple[Hashable, str]] = field(default_factory=Counter)
    _reached: dict[Hashable, float] = field(default_factory=dict)

    def again(self, job: Hashable, state: str, progress: float | None = None) -> str:
        """Returns why a job is not tried again, for the user; empty if it is.

        Args:
            job: What identifies it in all of its attempts.
            state: SLURM's word, a key of `TRIES` or `TIMEOUT`.
            progress: For a training, the iterations of its last checkpoint; None for another job.
        """
        self._ends[job, state] += 1
        if state == "TIMEOUT":
            return self._after_time_limit(job, progress)
        if self._ends[job, state] <= TRIES.get(state, 1):
            return ""
        count = self._ends[job, state]
        return f"this happened {count} times" if count > 1 else "an error of the job itself"

    def _after_time_limit(self, job: Hashable, progress: float | None) -> str:
        if progress is None:  # it starts at its beginning, with more time
            return "" if self._ends[job, "TIMEOUT"] <= 2 else "more time did not help, twice"
        further = progress > self._reached.get(job, 0.0)
        self._reached[job] = progress
        if further:
            return ""
        return (
            "no checkpoint was written in that time; raise `longest` in profiles/slurm/site.yaml, "
            "or lower schedule.checkpoint_every"
        )
