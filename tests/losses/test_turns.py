"""Times of calls that are compared: in turns, equally often, with a clock that is fair."""

import time

import pytest

from rankdet.losses import turns


def test_calls_alternate_after_a_warm_up():
    made = []
    calls = [lambda: made.extend("a"), lambda: made.extend("bb")]
    found = turns.alternating(calls, 3, lambda: len(made), warm_up=2)
    assert "".join(made) == "aabbbb" + "abb" + "bba" + "abb"
    assert found == [[1, 1, 1], [2, 2, 2]]


@pytest.mark.parametrize(("slow_s", "rounds"), [(0.5, 4), (1.5, 2)])
def test_all_are_called_equally_often_and_the_best_time_counts(slow_s, rounds):
    now = [0.0]
    durations = {"loop": [slow_s, 0.4, 0.4, 0.4], "ours": [0.3, 0.3, 0.2, 0.2]}
    made = []

    def call(name):
        now[0] += durations[name][made.count(name)]
        made.append(name)

    calls = [lambda: call("loop"), lambda: call("ours")]
    best, counted = turns.best(calls, 4, lambda: now[0])
    assert counted == rounds == made.count("loop") == made.count("ours")
    assert best == pytest.approx([0.4, 0.3 if rounds == 2 else 0.2])


def test_other_programs_do_not_count_on_one_thread():
    clock = turns.CLOCKS[turns.clock_name(1)]
    (waiting,) = turns.alternating([lambda: time.sleep(0.2)], 1, clock)
    assert waiting[0] < 0.1


@pytest.mark.parametrize(("threads", "device"), [(2, "cpu"), (1, "cuda:0")])
def test_several_threads_and_gpus_are_timed_by_the_wall(threads, device):
    assert turns.clock_name(threads, device) == "wall time"
