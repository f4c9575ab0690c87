"""Broken input of every kind ends in one line: no traceback, no hang, nothing without a warning.

`python -m tests.fuzz.count` prints the faults by kind.
"""

import random
import resource
import time

import pytest

from rankdet.errors import InputError
from tests.fuzz.count import faults
from tests.fuzz.mutations import broken_csv, broken_json, broken_yaml
from tests.fuzz.outcome import TooLong, fault_of, fault_of_command, limited
from tests.fuzz.targets import TARGETS

FEW = dict.fromkeys(TARGETS, 40) | {"checkpoints": 20, "studies": 30}  # slow ones less often
FEW |= {"reports": 4, "report_records": 15}
MANY = dict.fromkeys(TARGETS, 1000) | {"reports": 60, "report_records": 200}
FAULT = "broken value, text or bytes in a file that people or jobs write, from a fixed seed"
SOME = [pytest.param(k, marks=pytest.mark.fault(FAULT, tries=FEW[k])) for k in TARGETS]
MOST_KB = 2_000_000


@pytest.mark.parametrize("name", SOME)
def test_a_few_broken_inputs(name, tmp_path):
    assert faults(name, FEW[name], tmp_path) == []


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", TARGETS)
def test_many_broken_inputs(name, tmp_path):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert faults(name, MANY[name], tmp_path) == []
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MOST_KB


def test_there_are_ten_thousand_inputs():
    assert sum(MANY.values()) >= 10_000


def accepts(call, never=False):
    """In place of `fault_of`: whether the input was refused."""
    try:
        call()
    except InputError:
        return "refused"
    return None


@pytest.mark.parametrize("name", ["cards", "backbones", "specs", "published_values"])
def test_some_broken_inputs_are_accepted(name, tmp_path, monkeypatch):
    """A target that refused everything would hide faults: some changes are harmless."""
    monkeypatch.setattr(f"{TARGETS[name].__module__}.fault_of", accepts)
    attempt = TARGETS[name](tmp_path)
    assert {attempt(random.Random(k))[1] for k in range(40)} == {None, "refused"}


def test_the_same_seed_breaks_the_same_way():
    data = {"a": [1, 2.5, {"b": "x"}], "c": None}
    for make in (broken_json, broken_yaml):
        first, again, other = (make(random.Random(seed), data) for seed in (1, 1, 2))
        assert first == again != other
    assert broken_csv(random.Random(3), "a,b\n1,2") == broken_csv(random.Random(3), "a,b\n1,2")


def test_faults_are_found():
    assert "KeyError" in str(fault_of(lambda: {}["x"]))
    assert fault_of(lambda: None, never=True) == "accepted"
    assert fault_of(lambda: None) is None
    assert fault_of_command(["plan", "--configfile", "nothere.yaml"]) is None


@pytest.mark.parametrize(("seconds", "waiting"), [(0.1, 60), (60, 0.1)])
def test_loops_and_waits_have_an_end(seconds, waiting):
    """A loop takes the processor, a wait only time: on a busy machine they differ."""
    with pytest.raises(TooLong), limited(seconds, waiting):
        while seconds < 1 or time.sleep(5) is None:
            pass
