"""Times of calls that are compared: made in turns, so that a change of the machine affects all.

Other programs take processor time away, and then a call takes longer on the wall clock. So a CPU
with one thread is timed by the processor time of this process. With several threads that time adds
up over the threads, also over those that wait; then it is the wall clock, as on a GPU.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

CLOCKS: dict[str, Callable[[], float]] = {
    "processor time": time.process_time,
    "wall time": time.perf_counter,
}
ROUNDS = 5
SLOW_S = 1.0  # a call that takes longer has fewer rounds, and so have those it is compared with
SLOW_ROUNDS = 2


def clock_name(threads: int, device: str = "cpu") -> str:
    """Returns which of `CLOCKS` times a call fairly.

    Args:
        threads: Threads of the CPU.
        device: `cpu`, or a GPU such as `cuda:0`.
    """
    return "processor time" if threads == 1 and device == "cpu" else "wall time"


def alternating(
    calls: Sequence[Callable[[], Any]],
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
    warm_up: int = 0,
) -> list[list[float]]:
    """Returns the seconds of each call in each round.

    In every second round the calls are made in the opposite order.

    Args:
        calls: What is timed.
        rounds: How often each call is timed.
        clock: Returns seconds.
        warm_up: How often each call is made before, without a time.
    """
    for call in calls:
        for _ in range(warm_up):
            call()
    seconds: list[list[float]] = [[] for _ in calls]
    for number in range(rounds):
        order = range(len(calls)) if number % 2 == 0 else reversed(range(len(calls)))
        for index in order:
            start = clock()
            calls[index]()
            seconds[index].append(clock() - start)
    return seconds


def best(
    calls: Sequence[Callable[[], Any]],
    rounds: int = ROUNDS,
    clock: Callable[[], float] = time.process_time,
) -> tuple[list[float], int]:
    """Returns the shortest time of each call in seconds, and the number of rounds.

    Every call is made equally often. If one takes longer than `SLOW_S`, there are at most
    `SLOW_ROUNDS` rounds.
    """
    first = alternating(calls, 1, clock)
    if max(times[0] for times in first) > SLOW_S:
        rounds = min(rounds, SLOW_ROUNDS)
    more = alternating(calls, rounds - 1, clock)
    return [min(a + b) for a, b in zip(first, more, strict=True)], rounds
