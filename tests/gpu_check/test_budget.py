"""Parts stop in time, and one step that fails does not end the others."""

import threading
import time

import pytest

from rankdet.gpu_check.budget import OutOfTime, alarm, steps
from tests.gpu_check.contexts import context

ITEMS = [{"step": name} for name in "abcd"]


def test_a_failing_step_is_a_row_and_the_traceback_is_in_the_log(tmp_path):
    def measure(item):
        if item["step"] == "b":
            raise ValueError("first line\nsecond line")
        return {"ms": 1.0}

    here = context(tmp_path)
    rows = list(steps(ITEMS, measure, here))
    assert [row["status"] for row in rows] == ["measured", "failed", "measured", "measured"]
    assert rows[1] == {"step": "b", "status": "failed", "reason": "ValueError: first line"}
    log = here.log.read_text()
    assert "second line" in log and "Traceback" in log and "'step': 'b'" in log


def test_a_step_is_not_started_if_it_would_overrun(tmp_path):
    started = []

    def measure(item):
        started.append(item["step"])
        time.sleep(0.3)
        return {}

    rows = list(steps(ITEMS, measure, context(tmp_path, 0.5)))
    assert started == ["a"]
    assert [row["status"] for row in rows] == ["measured"] + 3 * ["not reached"]


def test_the_alarm_stops_a_step_and_the_rest_is_not_reached(tmp_path):
    def measure(item):
        while item["step"] == "b":
            time.sleep(0.01)
        return {}

    rows, start = [], time.monotonic()
    with pytest.raises(OutOfTime), alarm(0.2):
        for row in steps(ITEMS, measure, context(tmp_path)):
            rows.append(row)
    assert time.monotonic() - start < 2
    assert [row["status"] for row in rows] == ["measured"] + 3 * ["not reached"]
    assert "stopped" in rows[1]["reason"]


def test_no_library_catches_the_alarm_and_it_ends_with_its_block():
    with pytest.raises(OutOfTime), alarm(0.05):
        while True:
            try:
                time.sleep(0.01)
            except Exception:
                pytest.fail("caught")
    with alarm(0.05):
        pass
    time.sleep(0.1)
    seen = []

    def elsewhere():
        with alarm(0.01):
            time.sleep(0.05)
            seen.append("no signal in a thread")

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert seen == ["no signal in a thread"]
