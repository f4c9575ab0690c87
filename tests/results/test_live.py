"""A training that has not ended, from what it has written so far."""

import json
import os
import socket
import subprocess
import sys

import pytest

from rankdet.results import live
from rankdet.results.layout import LOCK, PROGRESS, WORK


def row(iteration, loss=None, seconds=0.5):
    loss = 10.0 / iteration if loss is None else loss
    return json.dumps({"iteration": iteration, "loss": loss, "seconds": seconds}) + "\n"


@pytest.fixture
def run(tmp_path):
    (tmp_path / WORK).mkdir()
    return tmp_path


def write(run, text, mode="a"):
    with (run / WORK / PROGRESS).open(mode) as file:
        file.write(text)


def test_rows_are_followed_as_they_are_written(run):
    follower = live.Follower(run)
    assert follower.look() == live.Look()
    write(run, row(1, 4.0, 9.0) + row(2, 3.0, 0.5) + '{"iteration": 3, "lo')
    assert follower.look() == live.Look(2, 4.75, ((1, 4.0), (2, 3.0)))
    write(run, 'ss": 2.0, "seconds": 0.5}\n' + row(4, float("nan")))
    look = follower.look()
    assert (look.iteration, look.pace) == (4, 0.5)
    assert look.curve == ((1, 4.0), (2, 3.0), (3, 2.0))  # a loss that is not finite has no point


def test_a_resumed_training_has_no_iteration_twice(run):
    follower = live.Follower(run)
    write(run, "".join(row(i) for i in range(1, 31)))
    assert follower.look().iteration == 30
    write(run, "".join(row(i, 1.0) for i in (1, 2)), "w")  # cut to its checkpoint: shorter
    assert [i for i, _ in follower.look().curve] == [1, 2]
    write(run, "".join(row(i, 7.0, 0.25) for i in range(1, 41)), "w")  # longer than before
    look = follower.look()
    assert [i for i, _ in look.curve] == list(range(1, 41))
    assert {loss for _, loss in look.curve} == {7.0}


def test_damaged_rows_are_left_out(run):
    write(run, "{}\n[1]\nnull\nno json\n" + '{"iteration": "x"}\n' + row(5, 2.0))
    assert live.Follower(run).look() == live.Look(5, 0.5, ((5, 2.0),))


def test_a_long_curve_has_few_points_with_the_mean_loss_of_each_part(run):
    write(run, "".join(row(i, float(i)) for i in range(1, 1201)))
    curve = live.Follower(run).look().curve
    assert len(curve) == live.POINTS
    assert curve[0] == (10, 5.5) and curve[-1] == (1200, 1195.5)


def test_a_training_runs_as_long_as_the_process_of_its_lock(run):
    assert not live.is_training(run)
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    note = {"host": socket.gethostname(), "process": process.pid}
    (run / WORK / LOCK).write_text(json.dumps(note))
    assert live.is_training(run)
    process.communicate(b"\n")
    assert not live.is_training(run)


def test_a_training_of_another_machine_counts_while_it_writes(run):
    (run / WORK / LOCK).write_text(json.dumps({"host": "another", "process": 1}))
    write(run, row(1))
    assert live.is_training(run)
    for name in (LOCK, PROGRESS):
        os.utime(run / WORK / name, (0, 0))
    assert not live.is_training(run)
